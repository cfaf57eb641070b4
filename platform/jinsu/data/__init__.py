"""Dataset versions: immutable, named by digest, checked by expectations, split by the platform."""
