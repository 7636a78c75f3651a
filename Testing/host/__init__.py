"""The test host: `qt`, `ctk` and the rest of `slicer` on PySide6 and slicer-core, strict, in PythonQt's manners."""
