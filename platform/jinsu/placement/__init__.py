"""How pods are placed and confined in one Kubernetes."""
