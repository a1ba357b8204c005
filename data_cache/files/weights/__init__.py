"""Tensors from weights files of other programs, read without running anything in them."""
