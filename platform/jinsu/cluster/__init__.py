"""The platform's processes in a cluster, each started as `python -m jinsu.cluster NAME`."""
