"""The servers of others that the platform runs: how Airflow and MLflow are configured, on one machine and in a cluster."""
