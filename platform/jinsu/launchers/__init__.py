"""How a step is executed: one contract, a launcher for this machine and one for Kubernetes."""
