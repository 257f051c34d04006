"""How many pairs a step may hold: probing a device, and remembering the answer."""
