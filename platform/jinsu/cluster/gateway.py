"""Envoy's first configuration, written by the init container of the gateway's pod."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from jinsu.errors import BadInputError
from jinsu.files import write_private
from jinsu.gateway.bootstrap import Gateway, bootstrap

_CLIENT_PREFIX = "JINSU_ENDPOINT_KEY_"


def start(path: str) -> None:
    """Writes the configuration to `path`. Its keys come from the environment, so that no ConfigMap holds them.

    Raises BadInputError when no client has a key.
    """
    settings = json.loads(os.environ["JINSU_GATEWAY"])
    clients = _clients(os.environ)
    if not clients:
        raise BadInputError(
            f"the gateway has no {_CLIENT_PREFIX}…, so everybody could ask the models; set the value gateway.clients."
        )
    gateway = Gateway(**settings, key=os.environ["JINSU_GATEWAY_KEY"], clients=clients)
    write_private(Path(path), json.dumps(bootstrap(gateway)))


def _clients(environment: Mapping[str, str]) -> dict[str, str]:
    """The key of each client, by its name."""
    return {
        name.removeprefix(_CLIENT_PREFIX).lower(): key
        for name, key in environment.items()
        if name.startswith(_CLIENT_PREFIX)
    }
