"""How a new model meets traffic: pure decisions, and the loop that carries them out through Envoy."""
