"""The SDK is what a training script imports: its parameters, rows, metrics and checkpoints, and saving the model.

It knows the files of a step and of a saved model, and it needs the standard library alone until a function needs numpy
or torch. Running the script is left to `steps`, and judging the model that it saved to `packaging`.

import jinsu

params = jinsu.params(epochs=5, lr=0.01)
rows = jinsu.dataset(alone="digits.parquet")
...
jinsu.log(step=epoch, loss=loss)
jinsu.save(model, example=rows["pixels"][:64])
"""

from importlib import import_module
from typing import Any

_HOMES = {
    **dict.fromkeys(("batches", "dataset", "dataset_files", "load_checkpoint", "log", "out_dir"), "script"),
    **dict.fromkeys(("params", "rows", "save", "save_checkpoint"), "script"),
    "CharacterNgrams": "character_ngrams",
    "Code": "code_model",
    "Subwords": "subwords",
    "Tokenizer": "tokenizer",
    "Vocabulary": "vocabulary",
    "set_model": "code_model",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"jinsu.sdk.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'jinsu.sdk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_HOMES)
