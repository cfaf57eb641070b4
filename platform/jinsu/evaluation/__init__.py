"""Scores, intervals, slices and verdicts. Pure."""
