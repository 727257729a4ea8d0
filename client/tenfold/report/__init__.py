"""What people and scripts are shown of a study: records in, text and JSON out; no store or bus is opened here."""
