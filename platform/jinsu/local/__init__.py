"""The whole platform runs on one machine: this room starts its processes, keeps them alive, and stops them.

It knows the ports, folders and passwords of an installation, and the order in which its parts start. The configuration
of each server is left to `servers`, and supervising the processes to supervisord behind `clients`.
"""
