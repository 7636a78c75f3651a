"""Models of other programs as start models: MONAI bundles, nnU-Net folders, TorchScript files."""
