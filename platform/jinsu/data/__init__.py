"""Datasets are kept as immutable versions, checked against expectations, and split into training and held-out rows.

The room knows the format of a version (a Delta table, or a folder beside a manifest), its digest, and the rows that are
held out. Where the bytes lie is left to `objects`, and how well a model does on the held-out rows to `evaluation`.
"""
