"""The API's process on one machine."""

from __future__ import annotations

import argparse


def main() -> None:
    import uvicorn

    from jinsu.api.app import create_app
    from jinsu.lifecycle.platform import connect

    parser = argparse.ArgumentParser(prog="python -m jinsu.api.serve", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(
        create_app(connect()),
        host="127.0.0.1",
        port=given.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
