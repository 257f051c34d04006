"""Watching a run: what validation shows, the alarms, and when to stop."""
