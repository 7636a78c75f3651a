"""Losses on logits of annotated voxels; the mathematics in functional, modules with buffers, one table of names."""
