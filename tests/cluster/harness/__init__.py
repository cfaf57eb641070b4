"""A real Kubernetes of one node for tests, from Debian's packages: `python -m tests.cluster.harness up`."""
