"""Applying a model: features, probabilities, decisions on the tree."""
