"""What is in a cache file and how good it is, as text and JSON."""
