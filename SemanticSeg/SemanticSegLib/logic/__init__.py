"""What the panel does, without widgets: each use case takes a scene or nodes and tells listeners by signals."""
