"""SemanticSeg's library: label trees, sparse labels, hierarchical losses, fine-tuning and applying, without 3D Slicer."""

__version__ = "0.1.0"
