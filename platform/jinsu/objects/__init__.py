"""Where what the platform keeps lies: a folder on one machine, an S3 store behind a folder in a cluster."""
