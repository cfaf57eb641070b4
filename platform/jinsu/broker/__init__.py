"""The broker gives the pods of steps their own part of the object store, one signed address at a time.

The room knows which objects one attempt may read and write, and until when, so that no pod of a step holds the store's
keys. Making the tokens that pods show is left to `launchers`, and the transfers to `objects`.
"""
