"""Names of services, for tests only: Debian packages no DNS server for Kubernetes.

Answers `SERVICE.NAMESPACE.svc.cluster.local` from the API server; every other name does not exist.
"""

from __future__ import annotations

import socketserver
import sys
import time
from pathlib import Path
from typing import Any

from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from kubernetes import client, config

SUFFIX = ".svc.cluster.local"
_FRESH_SECONDS = 1.0


class Names:
    """Addresses by service name, read anew when older than a second."""

    def __init__(self, kubeconfig: Path) -> None:
        self._core = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
        self._known: dict[str, list[str]] = {}
        self._read = 0.0

    def addresses(self, name: str) -> list[str]:
        if time.monotonic() - self._read > _FRESH_SECONDS:
            self._known = dict(self._list())
            self._read = time.monotonic()
        return self._known.get(name, [])

    def _list(self) -> Any:
        headless = set()
        for service in self._core.list_service_for_all_namespaces().items:
            name = f"{service.metadata.name}.{service.metadata.namespace}"
            if service.spec.cluster_ip in (None, "None"):
                headless.add(name)
            else:
                yield name, [service.spec.cluster_ip]
        for endpoints in self._core.list_endpoints_for_all_namespaces().items:
            name = f"{endpoints.metadata.name}.{endpoints.metadata.namespace}"
            if name not in headless:
                continue
            ready = [address for subset in endpoints.subsets or [] for address in subset.addresses or []]
            yield name, [address.ip for address in ready]
            for address in ready:
                if address.hostname:
                    yield f"{address.hostname}.{name}", [address.ip]


class _Handler(socketserver.BaseRequestHandler):
    names: Names

    def handle(self) -> None:
        data, socket = self.request
        question = DNSRecord.parse(data)
        name = str(question.q.qname).rstrip(".").lower()
        answer = question.reply()
        if not name.endswith(SUFFIX):
            answer.header.rcode = RCODE.NXDOMAIN
        else:
            found = self.names.addresses(name.removesuffix(SUFFIX))
            if not found:
                answer.header.rcode = RCODE.NXDOMAIN
            elif question.q.qtype == QTYPE.A:
                for address in found:
                    answer.add_answer(RR(question.q.qname, QTYPE.A, rdata=A(address), ttl=1))
        socket.sendto(answer.pack(), self.client_address)


def main() -> None:
    """`python -m tests.cluster.harness.dns KUBECONFIG ADDRESS PORT`"""
    kubeconfig, address, port = sys.argv[1:4]
    _Handler.names = Names(Path(kubeconfig))
    socketserver.ThreadingUDPServer.allow_reuse_address = True
    with socketserver.ThreadingUDPServer((address, int(port)), _Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
