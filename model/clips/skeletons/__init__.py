"""Skeletons as clips have them: values, mirror images, filled gaps and the statistics that standardise them."""
