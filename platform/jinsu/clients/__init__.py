"""Clients of Airflow, Kubernetes, PostgreSQL and supervisord turn the APIs of other programs into a few verbs.

Each client knows one program's protocol, and turns its failures into the platform's errors. When a verb is used is left
to the rooms above, such as `launchers`, `deployers`, `controller` and `local`.
"""
