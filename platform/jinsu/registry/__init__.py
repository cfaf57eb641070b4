"""Candidates, evidence and aliases. MLflow is behind it."""
