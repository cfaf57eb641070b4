"""Measures how often the evaluation's intervals cover the truth: `python -m tests.intervals` writes docs/statistics.md."""
