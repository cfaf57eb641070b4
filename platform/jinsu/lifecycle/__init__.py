"""The nine stages of the lifecycle, one module each. Airflow's operators and Kubeflow's components only name them."""
