"""Tests of the chain of origin."""
