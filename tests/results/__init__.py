"""Every example and its baselines on all of their rows, as docs/results.md shows them."""
