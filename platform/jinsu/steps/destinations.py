"""Which servers a confined script may reach: the entries of `StepSpec.egress`, and the decision. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

WEB_PORTS = (80, 443)
"""The ports that an entry without a port means."""

PYTHON_INDEX = "python-index"
"""The destination that the steps which build environments reach: the index of packages that the operator chose."""
_FILES_OF = {"pypi.org": ("files.pythonhosted.org",)}
"""Where an index keeps its files, when that is another host."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Destination:
    """One entry: `HOST`, `*.DOMAIN`, an address or a network such as `10.1.0.0/16`, each with or without `:PORT`."""

    host: str
    ports: tuple[int, ...]

    @staticmethod
    def parse(entry: str) -> Destination:
        host, colon, port = entry.strip().lower().rpartition(":")
        if colon and port.isdigit() and (":" not in host or host.endswith("]")):
            return Destination(host.strip("[]"), (int(port),))
        return Destination(entry.strip().lower().strip("[]"), WEB_PORTS)

    def allows(self, host: str, port: int, address: Address) -> bool:
        """Whether the script may connect to `address`, which it asked for as `host`.

        A name allows no address of this machine and its own link: whoever owns a name decides where it leads.
        """
        if port not in self.ports:
            return False
        try:
            return address in ipaddress.ip_network(self.host)
        except ValueError:
            return self._names(host) and not _is_near(address)

    def _names(self, host: str) -> bool:
        host = host.lower().rstrip(".")
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return bool(host) and host == self.host


def index_destinations(index: str, links: Iterable[str]) -> tuple[str, ...]:
    """What a step that asks this index and these pages must reach; folders need nothing."""
    found: list[str] = []
    for address in (index, *links):
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            continue
        port = f":{parts.port}" if parts.port else ""
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        found += [f"{host}{port}", *_FILES_OF.get(parts.hostname, ())]
    return tuple(dict.fromkeys(found))


def choose(entries: Iterable[str], host: str, port: int, addresses: Iterable[Address]) -> Address | None:
    """The first of a host's addresses that the script may connect to, or None."""
    destinations = [Destination.parse(entry) for entry in entries]
    allowed = (address for address in addresses if any(known.allows(host, port, address) for known in destinations))
    return next(allowed, None)


def _is_near(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
