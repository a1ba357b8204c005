"""One module a subcommand: `configure` adds its parser, `run` does it."""
