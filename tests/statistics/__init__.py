"""Measures how often the evaluation's intervals cover the truth: `python -m tests.statistics` writes docs/statistics.md."""
