"""Results of runs beside each other and beside the published ones."""
