"""Label trees that come with the program, as JSON files of our own format; each says where it comes from."""
