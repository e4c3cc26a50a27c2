"""The documentation, as far as a machine can check it: its files and commands are written and run, its names exist."""
