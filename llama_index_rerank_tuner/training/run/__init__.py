"""A training run: its phases on the Trainer, its checkpoints, its processes."""
