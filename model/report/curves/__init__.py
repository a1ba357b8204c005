"""Sections of the report that are curves over steps, ranks, clip lengths and exponents."""
