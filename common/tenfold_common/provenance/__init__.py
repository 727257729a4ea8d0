"""Where numbers come from: machines, package versions, the user's own code. Reads; never changes anything."""
