"""The command line `semseg`: one file per command, each with `add_parser` and `run`."""
