"""The label tree: its values, edits, numeric encodings, files and presets. Imports numpy at most."""
