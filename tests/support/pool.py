"""A connection pool between a client and PostgreSQL that forwards no notification."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

_SOCKET = ".s.PGSQL.5432"
_NOTIFICATION = b"A"


@contextlib.contextmanager
def deaf_pool(server: Path, folder: Path) -> Iterator[None]:
    """Listens in `folder` for clients of the server whose socket is in the folder `server`.

    It stands for PgBouncer with `pool_mode = transaction`, whose clients are apart from the connection that listens as
    soon as their transaction ends.
    """
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / _SOCKET))
        door.listen()
        threading.Thread(target=_serve, args=(door, server / _SOCKET), daemon=True).start()
        yield


def _serve(door: socket.socket, server: Path) -> None:
    while True:
        try:
            client, _ = door.accept()
        except OSError:  # closed
            return
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(str(server))
        threading.Thread(target=_forward, args=(client, upstream), daemon=True).start()
        threading.Thread(target=_answer, args=(upstream, client), daemon=True).start()


def _forward(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := client.recv(65536):
            server.sendall(data)
    server.close()


def _answer(server: socket.socket, client: socket.socket) -> None:
    """Forwards whole messages: a letter, four bytes of length (its own four included), and the content."""
    stream = server.makefile("rb")
    with contextlib.suppress(OSError):
        while header := stream.read(5):
            content = stream.read(int.from_bytes(header[1:]) - 4)
            if header[:1] != _NOTIFICATION:
                client.sendall(header + content)
    client.close()
