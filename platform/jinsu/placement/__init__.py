"""Placement says where pods may run on Kubernetes, with which GPUs, and how they are confined.

It is plain data from the chart's values (namespaces of teams, node selectors, tolerations, priority classes) and the parts
that every pod shares: Pod Security, access to the object store, temporary folders. What runs in a pod is left to `launchers`
and `deployers`.
"""
