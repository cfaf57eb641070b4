"""Objects are the files that the platform keeps: in a folder on one machine, in an S3 store on Kubernetes.

The room knows how an object is uploaded, verified by its digest, and cached in a folder. What the objects hold is left
to `data`, `steps` and `runs`.
"""
