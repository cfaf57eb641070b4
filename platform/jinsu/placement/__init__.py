"""Placement says where pods may run on Kubernetes, with which GPUs, and how they are confined.

It is plain data from the chart's values: namespaces of teams, node selectors, tolerations, priority classes and Pod
Security. Building a pod from it is left to `launchers` and `deployers`.
"""
