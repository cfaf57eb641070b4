"""The way out of a confined script: an HTTP proxy in the runner, which connects to the step's destinations and no others.

The script's namespace has a loopback and nothing else. The runner opens a socket on that loopback and listens to it from
outside, so no program of ours runs beside the script. The proxy looks names up itself and connects to the address that it
has looked at.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import ipaddress
import os
import selectors
import socket
import socketserver
import threading
from urllib.parse import urlsplit

from jinsu.steps.destinations import Address, choose

PORT = 3128
VARIABLES = {
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), f"http://127.0.0.1:{PORT}"),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1"),
}
"""What a script's environment says about the proxy; most libraries read it."""

_NS_GET_USERNS = 0xB701
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_HEAD_BYTES, _BLOCK = 64 << 10, 64 << 10
_MOST_CONNECTIONS = 64
_CONNECT_SECONDS, _IDLE_SECONDS = 20.0, 600.0


def listen_inside(process: int) -> socket.socket:
    """A socket that listens on the loopback of the process's network namespace. Call it before there are any threads.

    A process that is made for it enters the namespace and hands the socket out. Raises OSError when it cannot.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        if (child := os.fork()) == 0:
            try:
                with _enter_and_listen(process) as listener:
                    socket.send_fds(theirs, [b"1"], [listener.fileno()])
            finally:
                os._exit(0)
        theirs.close()
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        os.waitpid(child, 0)
    if not descriptors:
        raise OSError("the way out of the sandbox cannot be opened")
    return socket.socket(fileno=descriptors[0])


def _enter_and_listen(process: int) -> socket.socket:
    library = ctypes.CDLL(None, use_errno=True)
    network = os.open(f"/proc/{process}/ns/net", os.O_RDONLY)
    # The owner of the network namespace; the process itself may be in a further user namespace below it.
    owner = fcntl.ioctl(network, _NS_GET_USERNS)
    for descriptor, kind in ((owner, _CLONE_NEWUSER), (network, _CLONE_NEWNET)):
        if library.setns(descriptor, kind):
            raise OSError(ctypes.get_errno(), "setns")
    return socket.create_server(("127.0.0.1", PORT))


def serve(listener: socket.socket, entries: tuple[str, ...]) -> None:
    """Answers what connects to the socket, in threads that end with this process."""
    threading.Thread(target=_Proxy(listener, entries).serve_forever, daemon=True).start()


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket, entries: tuple[str, ...]) -> None:
        super().__init__(("127.0.0.1", PORT), _Connection, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.entries = entries
        self.places = threading.BoundedSemaphore(_MOST_CONNECTIONS)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is the script's matter."""


class _Connection(socketserver.StreamRequestHandler):
    server: _Proxy
    timeout = _CONNECT_SECONDS

    def handle(self) -> None:
        if not self.server.places.acquire(blocking=False):
            self._refuse("503 Too many connections", f"this step may have {_MOST_CONNECTIONS} connections at once")
            return
        try:
            self._answer()
        finally:
            self.server.places.release()

    def _answer(self) -> None:
        head = self._head()
        method, target, version = head[0].split(" ", 2)
        secure = method == "CONNECT"
        parts = urlsplit(f"//{target}" if secure else target)
        if not parts.hostname or (not secure and parts.scheme != "http"):
            self._refuse("400 Bad Request", "this is a proxy: ask it for a whole address")
            return
        port = parts.port or (443 if secure else 80)
        if (upstream := self._connect(parts.hostname, port)) is None:
            return
        with upstream:
            if secure:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = parts._replace(scheme="", netloc="").geturl() or "/"
                kept = [line for line in head[1:] if not line.lower().startswith(("proxy-", "connection:"))]
                lines = [f"{method} {path} {version}", *kept, "Connection: close", "", ""]
                upstream.sendall("\r\n".join(lines).encode("latin-1"))
            _splice(self.connection, upstream, self._already_read())

    def _head(self) -> list[str]:
        lines: list[str] = []
        left = _HEAD_BYTES
        while (line := self.rfile.readline(left)) not in (b"\r\n", b"\n"):
            left -= len(line)
            if not line or left <= 0:
                raise ConnectionError
            lines.append(line.decode("latin-1").rstrip("\r\n"))
        return lines

    def _already_read(self) -> bytes:
        """What came right behind the head."""
        self.connection.setblocking(False)
        try:
            return self.rfile.read1(_BLOCK) or b""
        except BlockingIOError:
            return b""
        finally:
            self.connection.setblocking(True)

    def _connect(self, host: str, port: int) -> socket.socket | None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses: list[Address] = [ipaddress.ip_address(entry[4][0]) for entry in found]
        except (OSError, UnicodeError, ValueError):
            addresses = []
        address = choose(self.server.entries, host, port, addresses)
        if address is None:
            allowed = ", ".join(self.server.entries)
            self._refuse("403 Forbidden", f"this step may not reach {host}:{port}; it may reach {allowed}")
            return None
        try:
            return socket.create_connection((str(address), port), _CONNECT_SECONDS)
        except OSError as problem:
            self._refuse("502 Bad Gateway", f"{host}:{port} does not answer: {problem}")
            return None

    def _refuse(self, status: str, sentence: str) -> None:
        body = f"jinsu: {sentence}.\n".encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.wfile.write(head.encode() + body)


def _splice(client: socket.socket, upstream: socket.socket, first: bytes) -> None:
    """Carries bytes both ways until both sides have ended, or nothing came for ten minutes."""
    if first:
        upstream.sendall(first)
    other = {client: upstream, upstream: client}
    for side in other:
        side.settimeout(_IDLE_SECONDS)
    with selectors.DefaultSelector() as selector:
        for side in other:
            selector.register(side, selectors.EVENT_READ, other[side])
        while selector.get_map() and (ready := selector.select(_IDLE_SECONDS)):
            for key, _ in ready:
                source, target = key.fileobj, key.data
                assert isinstance(source, socket.socket)
                if data := source.recv(_BLOCK):
                    target.sendall(data)
                else:
                    selector.unregister(source)
                    with contextlib.suppress(OSError):
                        target.shutdown(socket.SHUT_WR)
