"""The face: the command line, the embedded cluster, reports. Importing it imports nothing heavy."""
