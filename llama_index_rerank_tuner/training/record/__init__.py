"""What a checkpoint tells of itself: its model card, and its upload."""
