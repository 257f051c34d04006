"""Text files in and out, so that every fault names its file and line."""
