"""How model servers are run: one contract, a deployer for this machine and one for Kubernetes."""
