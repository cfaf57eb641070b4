"""On Kubernetes every container of the platform starts its process here, with `python -m jinsu.cluster NAME`.

The room knows what must be ready before a process starts, how the schemas of the databases are migrated, and how a part
shows that it is alive. What the processes do is left to `api`, `controller` and `servers`, and the shape of their pods
to the Helm chart.
"""
