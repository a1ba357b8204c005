"""Training of the small HRNet that the project ships: crops, augmentation, training loop and held-out figures."""
