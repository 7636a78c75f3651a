"""MRML nodes as values of the library and back: plain MRML and VTK, a scene is handed in, no application, no Qt."""
