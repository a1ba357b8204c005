"""Stage two beside an equal network in PyTorch: steps, loaders, convolutions."""
