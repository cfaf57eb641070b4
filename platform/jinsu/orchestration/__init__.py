"""Airflow runs the lifecycle through the operators, triggers and links of this room.

The room knows how a task begins, waits without a worker, shows the log of its step, and ends. What a stage does is left
to `lifecycle`, and Airflow's own configuration to `servers`.
"""
