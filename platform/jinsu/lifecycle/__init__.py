"""The nine tasks of the lifecycle, one module each; DAGs and components only name them."""
