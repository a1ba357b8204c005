"""A run as one HTML file: results, rankings, heat maps, contributions, quality."""
