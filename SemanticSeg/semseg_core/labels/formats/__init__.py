"""File formats of label trees, one family a file. Each reads text into labels and, where people need it, writes them."""
