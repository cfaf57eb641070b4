"""Airflow seen from Jinsu: operators, triggers, links, and the client of its API."""
