"""Jinsu launches machine-learning models. In a training script this name is the researcher's SDK (`jinsu.sdk`)."""

from typing import Any

__version__ = "0.1.0"

_SDK = frozenset(
    {"Tokenizer", "dataset", "load_checkpoint", "log", "out_dir", "params", "rows", "save", "save_checkpoint"}
)


def __getattr__(name: str) -> Any:
    # The SDK loads numpy; the command line must not pay for that.
    if name in _SDK:
        from jinsu import sdk

        return getattr(sdk, name)
    raise AttributeError(f"module 'jinsu' has no attribute {name!r}")
