"""Ranked galleries of queries, with pictures."""
