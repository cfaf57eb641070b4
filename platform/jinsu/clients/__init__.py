"""Clients of what others run: Airflow's API, Kubernetes' API, and supervisord."""
