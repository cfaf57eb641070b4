"""Airflow, MLflow and PostgreSQL are configured here, for one machine and for Kubernetes alike.

The room knows their settings, accounts and permissions, and what a new installation needs from them. Starting them is
left to `local` and `cluster`, and talking to them to `clients`, `registry` and `state`.
"""
