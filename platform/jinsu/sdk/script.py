"""The functions that a training script calls: parameters, rows, metrics, checkpoints, and saving the model."""

from __future__ import annotations

import json
import math
import os
import pickle
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from jinsu.sdk.columns import Columns, read_columns
from jinsu.sdk.model_files import MODEL_FOLDER
from jinsu.sdk.step_files import STEP_DIR_VARIABLE, StepFiles

if TYPE_CHECKING:
    import numpy as np

    from jinsu.sdk.row_batches import Batches
    from jinsu.sdk.saving import TextStep

_CHECKPOINT = "last.pt"


def _step() -> StepFiles | None:
    """The files of the step that this script runs in; None when the script runs alone."""
    folder = os.environ.get(STEP_DIR_VARIABLE)
    return StepFiles(Path(folder)) if folder else None


def _kept_files() -> StepFiles:
    """Where metrics and checkpoints are kept; alone, under the same names in the folder of the outputs."""
    return _step() or StepFiles(out_dir())


def out_dir() -> Path:
    """Where files that should be kept are written; alone, the folder `jinsu-out`.

        (jinsu.out_dir() / "confusion.csv").write_text(table)

    The platform keeps them with the run.
    """
    step = _step()
    folder = step.out if step else Path("jinsu-out")
    folder.mkdir(exist_ok=True)
    return folder


def params(**defaults: Any) -> SimpleNamespace:
    """The run's parameters: the defaults given here, overridden by `train.params` of model.yaml.

        params = jinsu.params(epochs=5, lr=0.01)
        for epoch in range(params.epochs):
            ...

    A parameter that the script does not name is an error: a misspelt one would otherwise change nothing, silently.
    """
    chosen: dict[str, Any] = {}
    if step := _step():
        chosen = json.loads(step.params.read_text(encoding="utf-8"))
    if unknown := sorted(set(chosen) - set(defaults)):
        raise SystemExit(
            f"train.params: {', '.join(unknown)}: the script does not read it; it reads {', '.join(sorted(defaults))}."
        )
    return SimpleNamespace(**{**defaults, **chosen})


def dataset(alone: str | Path | Callable[[], Columns] | None = None) -> Columns:
    """The training part of the dataset: one array a column, by name. The rows that a model is judged on are not among them.

        columns = jinsu.dataset(alone="digits.parquet")
        pixels, digits = columns["pixels"], columns["label"]

    alone: where rows come from without the platform: a Parquet file, or a function that returns columns.
    """
    if step := _step():
        return read_columns(step.train_rows)
    if alone is None:
        raise SystemExit("jinsu.dataset(): outside the platform it needs alone=FILE, a Parquet file to read instead.")
    if callable(alone):
        return alone()
    if not Path(alone).is_file():
        raise SystemExit(f"jinsu.dataset(): {alone}: there is no such file; make it first, or name another.")
    return read_columns(Path(alone))


def batches(
    size: int = 1024, columns: Sequence[str] | None = None, *, seed: int | None = None, alone: str | Path | None = None
) -> Batches:
    """The training part of the dataset as batches of rows, for data that does not fit into memory.

        rows = jinsu.batches(4096, columns=["pixels", "label"], seed=params.seed, alone="digits.parquet")
        for epoch in range(params.epochs):
            for batch in rows:
                loss = step(torch.from_numpy(batch["pixels"]), torch.from_numpy(batch["label"]))

    `rows.epoch(3)` gives the batches of one epoch, to go on from a checkpoint; `len(rows)` counts them. For torch's data loader:
    `DataLoader(rows.torch(), batch_size=None, num_workers=2)`, with `dataset.set_epoch(epoch)` before each loop.

    size: rows of a batch; the last one may have fewer.
    columns: those that are read; default all.
    seed: mixes the rows, in another order each epoch: groups of rows come at random, and about 130,000 rows (of wide rows
        about 256 MiB) are mixed with each other. Default: the rows come as they stand.
    alone: the Parquet file that is read without the platform.
    """
    from jinsu.sdk.row_batches import Batches

    if step := _step():
        return Batches(step.train_rows, size, columns, seed)
    if alone is None or not Path(alone).is_file():
        raise SystemExit("jinsu.batches(): outside the platform it needs alone=FILE, a Parquet file that is there.")
    return Batches(Path(alone), size, columns, seed)


def dataset_files(alone: str | Path | None = None) -> Mapping[str, bytes]:
    """The bytes of the dataset's files by path, for a dataset of files. Those of held-out rows are not among them.

        columns, files = jinsu.dataset(alone="labels.parquet"), jinsu.dataset_files(alone="pictures")
        picture = PIL.Image.open(io.BytesIO(files[columns["path"][0]]))

    Bytes are read when they are asked for and not kept; the object may go to the workers of a data loader. A model is judged,
    and serves, on the content of a file as base64 text in place of its path: save one with `jinsu.Code` that decodes it.

    alone: the folder that is read without the platform.
    """
    from jinsu.sdk.files import Files, FolderFiles

    if step := _step():
        if not step.train_files.is_dir():
            raise SystemExit(
                "jinsu.dataset_files(): no files came with the rows: the dataset is a table, or `jinsu check` runs the script."
            )
        return Files(step.train_files)
    if alone is None or not Path(alone).is_dir():
        raise SystemExit("jinsu.dataset_files(): outside the platform it needs alone=FOLDER, a folder that is there.")
    return FolderFiles(Path(alone))


def log(step: int | None = None, **metrics: float) -> None:
    """Records metrics, which MLflow shows while the script runs. Cheap: it appends to a file of the step.

        jinsu.log(step=epoch, loss=loss, accuracy=correct / len(kept_back))

    step: what the metrics are drawn over, such as the epoch.
    metrics: numbers by name. With `train.trials`, the best trial is chosen by the last value of the problem's metric, which
        the script computes on rows that it keeps back.
    """
    now = round(time.time(), 3)
    with _kept_files().metrics.open("a", encoding="utf-8") as stream:
        for name, value in metrics.items():
            number = float(value)
            written = number if math.isfinite(number) else str(number)
            stream.write(json.dumps({"name": name, "value": written, "step": step or 0, "time": now}) + "\n")


def _checkpoint_dir() -> Path:
    folder = _kept_files().checkpoints
    folder.mkdir(exist_ok=True)
    return folder


def save_checkpoint(state: Any, step: int) -> None:
    """Keeps `state` so that an interrupted run goes on after `step`.

        jinsu.save_checkpoint({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, epoch)

    state: anything that `torch.save` takes; in a script that has not imported torch, anything that pickle takes.
    """
    folder = _checkpoint_dir()
    draft = folder / "draft.pt"
    _write_checkpoint({"step": step, "state": state}, draft)
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())
    draft.replace(folder / _CHECKPOINT)  # a reader sees the old one or the new one, never half of one


def load_checkpoint() -> tuple[Any, int] | None:
    """`(state, step)` of the last checkpoint, or None at a first start.

        if (found := jinsu.load_checkpoint()) is not None:
            state, epoch = found
            model.load_state_dict(state["model"])

    Alone, every start is a first one.
    """
    path = _checkpoint_dir() / _CHECKPOINT
    if _step() is None or not path.exists():
        return None
    checkpoint = _read_checkpoint(path)
    return checkpoint["state"], checkpoint["step"]


def _write_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    if "torch" in sys.modules:  # a script that has not imported torch has no tensor to keep
        import torch

        torch.save(checkpoint, path)
    else:
        with path.open("wb") as stream:
            pickle.dump(checkpoint, stream)


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint that this very script wrote in an earlier attempt, so it is trusted."""
    checkpoint: dict[str, Any]
    with path.open("rb") as stream:
        if stream.read(1) == pickle.PROTO:  # torch writes an archive, which begins otherwise
            stream.seek(0)
            checkpoint = pickle.load(stream)  # noqa: S301
            return checkpoint
    import torch

    checkpoint = torch.load(path, weights_only=False)
    return checkpoint


def rows(columns: Columns, chosen: np.ndarray) -> Columns:
    """The chosen rows (a mask or indices) of every column.

        kept_back = np.arange(len(columns["label"])) % 10 == 0
        train, test = jinsu.rows(columns, ~kept_back), jinsu.rows(columns, kept_back)

    chosen: one boolean a row, or the places of rows.
    """
    return {name: array[chosen] for name, array in columns.items()}


def save(
    model: Any,
    example: Any,
    *,
    outputs: str | Mapping[str, str] | None = None,
    labels: Sequence[Any] | None = None,
    other: Any = None,
    quantiles: Sequence[float] | None = None,
    columns: Sequence[str] | None = None,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    tokenizer: TextStep | Mapping[str, TextStep] | None = None,
) -> Path:
    """Saves a trained model as ONNX with a dynamic batch, beside its answers on the example rows.

        jinsu.save(model, example=columns["pixels"][:64], outputs="logits", labels=range(10))
        jinsu.save(model, example={"title": titles[:64], "price": prices[:64]}, tokenizer={"title": tokenizer})

    The model itself is as it was when this returns.

    example: rows as live traffic will send them, first axis rows, at least 2: an array, a mapping of arrays by the name of
        the model's input, or a data frame. Texts may be among them, and missing values (None, NaN) where the model takes them.
    outputs: what the model's answers are, such as `probabilities`, `logits`, `value` or `embedding`
        (`jinsu.sdk.outputs.OutputKind`); a mapping by name for a model with several outputs. Default: what they look like.
    labels: class names in the order of the model's outputs; default 0, 1, 2 …
    other: the label that stands for every class not in `labels`.
    quantiles: the levels of an output of quantiles, such as `[0.1, 0.5, 0.9]`.
    columns: names of the columns that stand side by side in `example`, when that is one array of shape (rows, columns):
        clients may then send a table in any order of columns.
    dynamic: names of axes whose length differs between requests, such as `{"input": {1: "length"}}`.
    tokenizer: makes numbers of texts, or of categories (`jinsu.Vocabulary`), in front of the model; a mapping by input
        for a model with several inputs.
    Returns the folder of the model. Raises SystemExit when the model cannot be exported.
    """
    from jinsu.sdk.saving import example_of, named_tokenizers, save_model

    tokenizers = named_tokenizers(tokenizer)
    read = example_of(example, columns, dynamic, tokenizers)
    return save_model(out_dir() / MODEL_FOLDER, model, read, outputs, labels, other, quantiles, tokenizers)
