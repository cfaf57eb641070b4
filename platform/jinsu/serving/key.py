"""The key with which Envoy proves to a model server that a request came through the endpoint."""

from __future__ import annotations

KEY_HEADER = "x-jinsu-key"
"""Header of a request that carries the key."""
KEY_VARIABLE = "JINSU_SERVER_KEY"
"""Environment variable from which a model server reads the key; without the variable it asks for none."""
