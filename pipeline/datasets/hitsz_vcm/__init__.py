"""HITSZ-VCM on disk: layouts, name and track files, published numbers."""
