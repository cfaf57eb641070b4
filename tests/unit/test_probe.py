"""What the release loop learns when it asks a model server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway.backend import Backend


def test_each_question_meets_whoever_answers_now() -> None:
    """A kept connection would go on asking a pod that leaves, or whoever was there before the network knew the Service."""
    clients = []

    class Healthy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            clients.append(self.client_address)
            body = json.dumps({"name": "toy", "version": "1"}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        probe, backend = ServerProbe(), Backend("toy", "1", f"127.0.0.1:{server.server_address[1]}")
        assert [probe.ready(backend) for _ in range(3)] == [True] * 3
        server.shutdown()

    assert len(set(clients)) == 3
