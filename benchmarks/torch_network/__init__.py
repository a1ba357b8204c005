"""STAR's network in PyTorch, written a second time from the paper and docs/paper.md."""
