"""How good a segmentation is: overlap, surface, tree."""
