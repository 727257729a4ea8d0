"""The command line: one module per verb or family of verbs, imported only when its verb runs."""
