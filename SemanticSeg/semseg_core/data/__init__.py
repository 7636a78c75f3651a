"""Images and label maps: as values, and as files."""
