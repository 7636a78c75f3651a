"""Sparse, background-free labels: what was scribbled, its statistics, how to sample it and how to imitate it."""
