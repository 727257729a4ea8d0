"""The embedded cluster: a private broker, the scheduler and a worker, started for one person and gone afterwards."""
