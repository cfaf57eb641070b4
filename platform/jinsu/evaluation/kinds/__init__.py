"""One small module for each kind of problem, with its metrics."""
