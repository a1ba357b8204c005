"""What is wrong with an unpacked tree, and how it compares with the published numbers."""
