"""The model server and what it accepts."""
