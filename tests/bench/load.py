"""A closed-loop HTTP/1.1 client that leaves the cores to the servers: one request in flight on each kept connection.

Standard library only, epoll and bare sockets: about 30 microseconds a request. Prints JSON.

    python tests/bench/load.py HOST:PORT|SOCKET PATH BODIES CONNECTIONS SECONDS [HEADER [REQUESTS]]

BODIES is a file of one body a line, or a folder of one body a file. HEADER is sent with each. REQUESTS ends the load sooner.
"""

from __future__ import annotations

import gc
import json
import re
import select
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What came back: every answer but 200 counts as failed, and so does a closed connection.

    client_us: microseconds of processor time that the client took for a request.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    requests: int
    failed: int
    client_us: float


def hammer(
    address: str, path: str, bodies: Path, connections: int, seconds: float, header: str = "", requests: int = 1 << 60
) -> Load:
    """The same in a process of its own, so that the caller's threads do not disturb it."""
    command = [sys.executable, "-S", "-E", __file__, address, path, str(bodies), str(connections), str(seconds), header]
    command.append(str(requests))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Load(**json.loads(done.stdout))


class _Connections:
    def __init__(self, address: str, path: str, bodies: list[bytes], header: str) -> None:
        self._address = address
        more = f"{header}\r\n" if header else ""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Type: application/json\r\nContent-Length: "
        self._requests = [head.encode() + b"%d\r\n\r\n" % len(body) + body for body in bodies]
        self._sent, self._most = 0, 0
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self._begun: dict[int, float] = {}
        self._partial: dict[int, bytes] = {}
        self.seconds: list[float] = []
        self.failed = 0

    def run(self, connections: int, seconds: float, requests: int) -> float:
        """Sends until the time is over or so many were sent, waits for what is in flight; returns how long that took."""
        self._most = requests
        begun = time.perf_counter()
        for _ in range(connections):
            self._send(self._connect())
        while self._open:
            events = self._poll.poll(10)
            if not events:
                self.failed += len(self._open)
                break
            for number, _ in events:
                self._read(number, begun + seconds)
        return time.perf_counter() - begun

    def _connect(self) -> int:
        if "/" in self._address:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(self._address)
        else:
            host, _, port = self._address.rpartition(":")
            connection = socket.create_connection((host, int(port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[connection.fileno()] = connection
        self._poll.register(connection.fileno(), select.EPOLLIN)
        return connection.fileno()

    def _close(self, number: int) -> None:
        self._poll.unregister(number)
        self._open.pop(number).close()
        self._partial.pop(number, None)

    def _send(self, number: int) -> None:
        self._begun[number] = time.perf_counter()
        self._open[number].sendall(self._requests[self._sent % len(self._requests)])
        self._sent += 1

    def _read(self, number: int, end: float) -> None:
        try:
            data = self._open[number].recv(65536)
        except ConnectionError:
            data = b""
        now = time.perf_counter()
        if not data:
            self.failed += 1
            self._close(number)
            if now < end and self._sent < self._most:
                self._send(self._connect())
            return
        if number in self._partial:
            data = self._partial.pop(number) + data
        if not _whole(data):
            self._partial[number] = data
            return
        self.seconds.append(now - self._begun[number])
        if data[9:12] != b"200":
            self.failed += 1
        if now < end and self._sent < self._most:
            self._send(number)
        else:
            self._close(number)


def _whole(data: bytes) -> bool:
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return False
    length = _LENGTH.search(data, 0, head)
    return len(data) >= head + 4 + int(length[1]) if length else data.endswith(b"0\r\n\r\n")


def _bodies(path: Path) -> list[bytes]:
    if path.is_dir():
        return [file.read_bytes() for file in sorted(path.iterdir())]
    return [line for line in path.read_bytes().splitlines() if line]


def main() -> None:
    address, path, bodies, connections, seconds, *more = sys.argv[1:]
    pool = _Connections(address, path, _bodies(Path(bodies)), "".join(more[:1]))
    gc.disable()
    before = time.process_time()
    took = pool.run(int(connections), float(seconds), int(more[1]) if more[1:] else 1 << 60)
    client = (time.process_time() - before) / max(1, len(pool.seconds)) * 1e6
    ordered = sorted(pool.seconds) or [0.0]
    at = {percent: ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000 for percent in (50, 99)}
    print(json.dumps(asdict(Load(len(pool.seconds) / took, at[50], at[99], len(pool.seconds), pool.failed, client))))


if __name__ == "__main__":
    main()
