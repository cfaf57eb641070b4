"""A model spec is what a researcher asks for: `model.yaml`, its schema, and the messages about mistakes in it.

The room is pure: it turns text into a spec, or into sentences that say where, what, and what to write instead. Whether
the dataset and its columns exist is left to `runs`.
"""
