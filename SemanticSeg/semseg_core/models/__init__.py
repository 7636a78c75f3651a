"""Networks, their model card, and model directories."""
