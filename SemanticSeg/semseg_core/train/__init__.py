"""Fine-tuning: its configuration, its events, its loop."""
