"""Inference runs a packaged model in a process of its own, which holds no key and may be killed.

Model servers answer requests with such processes, and packaging and evaluation run with them what is code of a researcher.
A frame on a socket carries a batch of rows to the process, and another its answers back.
"""
