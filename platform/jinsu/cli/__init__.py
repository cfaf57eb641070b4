"""The jinsu command."""
