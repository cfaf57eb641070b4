"""Simulated rollouts: how often equal versions are taken back, and how soon worse ones are."""
