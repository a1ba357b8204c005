"""The network of the paper (eqs 1 to 13), its losses (eqs 14, 15), and weights to start from."""
