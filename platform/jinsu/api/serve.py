"""The API's process."""

from __future__ import annotations

import argparse

from jinsu.installation import Installation


def serve(installation: Installation, host: str, port: int) -> None:
    """Answers until it is stopped."""
    import uvicorn

    from jinsu.api.app import create_app
    from jinsu.web.options import OPTIONS

    uvicorn.run(create_app(installation), host=host, port=port, access_log=False, **OPTIONS)


def main() -> None:
    from jinsu.installation import connect

    parser = argparse.ArgumentParser(prog="python -m jinsu.api.serve", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    serve(connect(), "127.0.0.1", parser.parse_args().port)


if __name__ == "__main__":
    main()
