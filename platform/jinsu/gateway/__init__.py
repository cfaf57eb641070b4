"""Envoy: what it should look like, how it is told so, and what it has counted."""
