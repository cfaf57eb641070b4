"""A deployer runs one model server for each version that is to answer requests.

The room holds the contract, a deployer for one machine and one for Kubernetes, and the probe that asks whether a server
is ready. What a server does is left to `serving`, and how much traffic reaches it to `gateway`.
"""
