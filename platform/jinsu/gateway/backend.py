"""What the gateway sends requests to."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Backend:
    """A model server: its model, its version, and where it listens.

    address, grpc: path of a Unix socket, or `host:port`, for HTTP/1 and for gRPC; empty as long as only the name of the backend
    is known. A server that speaks no gRPC has no address for it.
    """

    model: str
    version: str
    address: str = ""
    grpc: str = ""

    @property
    def name(self) -> str:
        """`digits-v3`: what the server is called in Envoy, by the supervisor and in Kubernetes."""
        return f"{self.model}-v{self.version}"

    @classmethod
    def parse(cls, name: str) -> Backend:
        """The backend of that name, without an address. Raises ValueError when no backend has such a name."""
        model, _, version = name.rpartition("-v")
        if not model or not version.isdecimal():
            raise ValueError(f"{name!r} names no backend; a name is MODEL-vNUMBER")
        return cls(model, version)

    def at(self, address: str, grpc: str = "") -> Backend:
        """The same backend, listening at these addresses."""
        return replace(self, address=address, grpc=grpc)
