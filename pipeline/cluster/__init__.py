"""Where the work runs: this process, local processes, or any Dask scheduler."""
