"""Walking persons drawn from a seed: bodies, clothes, cameras, occluders, backgrounds."""
