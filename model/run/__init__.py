"""A run: its settings, its folder, the devices it is computed on."""
