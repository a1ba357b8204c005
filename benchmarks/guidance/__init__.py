"""What guidance gains on generated walkers, and why: the experiment of docs/results.md."""
