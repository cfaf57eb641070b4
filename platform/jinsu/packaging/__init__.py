"""Whether a saved model is fit to serve, and what it takes and answers."""
