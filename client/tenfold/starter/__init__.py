"""Starter study files: text that a person is meant to read, run as it is, and then change."""
