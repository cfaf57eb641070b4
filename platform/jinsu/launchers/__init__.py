"""A launcher executes a step, and finds it again by its run key from any process.

The room holds the contract, a launcher for one machine and one for Kubernetes, and the sentences that explain a pod's
state. What runs beside the researcher's process is left to `steps`, and where a pod may run to `placement`.
"""
