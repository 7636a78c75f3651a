"""What a voxel looks like and where it lies: features for learning from few annotated voxels."""
