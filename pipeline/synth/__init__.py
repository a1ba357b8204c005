"""A generated data set in the layout of HITSZ-VCM: walkers drawn in both modalities, whose joints are known."""
