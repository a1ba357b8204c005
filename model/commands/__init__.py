"""Subcommands of `python -m model`, a file each."""
