"""What jinsu.save writes, what makes it fit for production, and a tokenizer that is the same on both sides."""

import contextlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.hostile_models import write_model
from torch import nn

from jinsu.codec import decode, encode
from jinsu.errors import GateFailedError
from jinsu.packaging.findings import PackageFindings
from jinsu.packaging.manifest import Input, Manifest, Output
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import package
from jinsu.sdk.outputs import OutputKind
from jinsu.sdk.saving import example_of, named_tokenizers, save_model
from jinsu.sdk.tokenizer import Tokenizer, split

EXAMPLE = np.random.default_rng(0).random((16, 4), dtype=np.float32)
TOLERANCE, BUDGET = 1e-4, 1000.0

Spoil = Callable[[Path], object]


class Center(nn.Module):
    """Answers depend on who else is in the batch."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows - rows.mean(0, keepdim=True)


class Branch(nn.Module):
    """Control flow that follows from the data: no graph can hold it."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows * 2 if rows.sum() > 0 else rows


class Total(nn.Module):
    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.sum()[None]


class Pair(nn.Module):
    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return rows, rows


class Odd(nn.Module):
    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, str]:
        return rows, "text"


class Log(nn.Module):
    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.log(rows - 10)


class Sum(nn.Module):
    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.float().sum(1)


class Numbers(nn.Module):
    """Answers the numbers it was given: what the tokenizer made of a text."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return ids.double()


def save(folder: Path, model: nn.Module, rows: np.ndarray = EXAMPLE, **more: Any) -> Path:
    """As `jinsu.save` does, into `folder`."""
    tokenizers = named_tokenizers(more.pop("tokenizer", None))
    read = example_of(rows, more.pop("columns", None), more.pop("dynamic", None), tokenizers)
    return save_model(folder, model, read, tokenizers=tokenizers, **more)


def refusal(saved: Path, tolerance: float = TOLERANCE, budget: float = BUDGET) -> str:
    """What package() says of a model that it must refuse, having written nothing."""
    out = saved.with_name("out")
    with pytest.raises(GateFailedError) as caught:
        package(saved, out, tolerance, budget)
    assert not out.exists()
    return str(caught.value)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return save(tmp_path_factory.mktemp("good") / "model", nn.Linear(4, 3), labels=["a", "b", "c"], other="c")


@pytest.fixture
def saved(good: Path, tmp_path: Path) -> Path:
    """A copy of a good model, to be spoiled."""
    return Path(shutil.copytree(good, tmp_path / "model"))


def test_a_good_model_passes_and_is_copied_whole(good: Path, tmp_path: Path) -> None:
    report = package(good, tmp_path / "out", TOLERANCE, BUDGET)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.json", "model.onnx", "probes.npz"]
    assert report.parity.rows == 16
    assert 0 <= report.parity.largest_relative <= TOLERANCE
    assert 0 <= report.parity.largest_batch_effect <= TOLERANCE
    assert 0 < report.latency.p50_ms <= report.latency.p99_ms < BUDGET
    assert decode(PackageFindings, json.loads(json.dumps(encode(report)))) == report


def test_the_manifest_says_what_was_saved(good: Path) -> None:
    manifest = Manifest.read(good)
    assert manifest.framework == f"torch {torch.__version__}"
    assert manifest.inputs == (Input("input", "float32", (-1, 4)),)
    assert manifest.outputs == (Output("output", "float32", (-1, 3), OutputKind.SCORES, ("a", "b", "c")),)
    assert manifest.other == "c"


def test_the_packaged_model_takes_any_batch(good: Path) -> None:
    model = OnnxModel(good)
    rows = np.random.default_rng(1).random((300, 4), dtype=np.float32)
    (together,) = model.run_all((rows,), batch=256)
    assert together.shape == (300, 3)
    apart = [model.run((part,))[0] for part in (rows[:1], rows[1:])]
    assert np.allclose(together, np.concatenate(apart), atol=1e-6)


@pytest.mark.parametrize("kind", ["float64", "int64", "uint8", "bool"])
def test_inputs_of_every_kind_are_exported(tmp_path: Path, kind: str) -> None:
    save(tmp_path / "model", Sum(), (EXAMPLE * 5).astype(kind))
    assert package(tmp_path / "model", tmp_path / "out", TOLERANCE, BUDGET).parity.largest_relative < 1e-6
    assert Manifest.read(tmp_path / "out").inputs == (Input("input", kind, (-1, 4)),)


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    model.weight.data[0, :2] = torch.tensor([float("nan"), float("inf")])
    said = refusal(save(tmp_path / "model", model))
    assert "weight 'weight' holds 2 values that are not finite" in said
    assert "learning rate" in said


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    assert "answer to probe row 0 is not finite" in refusal(save(tmp_path / "model", Log()))


def test_a_model_that_looks_at_its_neighbours_is_refused_naming_the_row(tmp_path: Path) -> None:
    said = refusal(save(tmp_path / "model", Center()))
    assert "of probe row " in said
    assert "in a batch it answers" in said
    assert "serve.parity_tolerance" in said


def test_dropout_and_batch_norm_are_saved_as_they_serve(tmp_path: Path) -> None:
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).train()
    package(save(tmp_path / "model", model), tmp_path / "out", TOLERANCE, BUDGET)


def test_a_budget_that_is_exceeded_is_told_with_the_time_taken(saved: Path) -> None:
    said = refusal(saved, budget=1e-6)
    assert "at the 99th percentile, serve.max_latency_ms allows 1e-06" in said


def test_memory_is_measured_and_bounded(tmp_path: Path) -> None:
    """A file of a few hundred bytes that takes 200 MB."""
    folder = write_model(tmp_path / "model", "wide constant")
    rows = np.ones((16, 4), np.float32)
    np.savez(folder / "probes.npz", inputs=rows, outputs=rows)
    assert (folder / "model.onnx").stat().st_size < 400
    assert 190e6 < package(folder, tmp_path / "out", TOLERANCE, 1e4).memory < 2e9
    with pytest.raises(GateFailedError, match=r"takes \S+Mi of memory for 16 rows, a model may take 100Mi"):
        package(folder, tmp_path / "none", TOLERANCE, 1e4, memory_budget=100 * 2**20)
    assert not (tmp_path / "none").exists()


def test_a_small_model_takes_little_memory(good: Path, tmp_path: Path) -> None:
    assert package(good, tmp_path / "out", TOLERANCE, BUDGET).memory < 100e6


def probes(**change: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        with np.load(folder / "probes.npz") as kept:
            arrays = {**kept, **change}
        np.savez(folder / "probes.npz", **{name: value for name, value in arrays.items() if value is not None})

    return spoil


def manifest(side: str, **change: Any) -> Spoil:
    """Changes what the manifest says about the only input or output."""

    def spoil(folder: Path) -> None:
        document = json.loads((folder / "model.json").read_text())
        document[side] = [{**document[side][0], **change}]
        (folder / "model.json").write_text(json.dumps(document))

    return spoil


def content(name: str, data: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(data)


def cut(name: str, share: float) -> Spoil:
    return lambda folder: os.truncate(folder / name, int((folder / name).stat().st_size * share))


def flip(name: str, place: int) -> Spoil:
    def spoil(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[place] ^= 255
        (folder / name).write_bytes(data)

    return spoil


def delete(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(delete("model.onnx"), "the script saved no model.onnx; call jinsu.save", id="no model"),
        pytest.param(delete("model.json"), "the script saved no model.json; call jinsu.save", id="no manifest"),
        pytest.param(delete("probes.npz"), "the script saved no probes.npz; call jinsu.save", id="no probes"),
        pytest.param(content("model.onnx", b"garbage"), "model.onnx: not an ONNX file", id="model is garbage"),
        pytest.param(content("model.onnx", b""), "model.onnx: onnxruntime cannot load it", id="model is empty"),
        pytest.param(cut("model.onnx", 0.5), "model.onnx: not an ONNX file", id="model is cut"),
        pytest.param(content("model.json", b"{"), "model.json: not a valid model manifest", id="manifest is no JSON"),
        pytest.param(content("model.json", b"[]"), "model.json: not a valid model manifest", id="manifest is a list"),
        pytest.param(content("model.json", b"\xff"), "model.json: not a valid model manifest", id="manifest is no text"),
        pytest.param(manifest("outputs", labels=5), "model.json: not a valid model manifest", id="labels are a number"),
        pytest.param(
            manifest("inputs", dtype="object"), "unusable tensor object", id="unknown type"
        ),
        pytest.param(manifest("inputs", shape=[4]), "unusable tensor", id="no batch axis"),
        pytest.param(content("probes.npz", b"PK garbage"), "probes.npz: cannot be read", id="probes are garbage"),
        pytest.param(cut("probes.npz", 0.9), "probes.npz: cannot be read", id="probes are cut"),
        pytest.param(flip("probes.npz", 200), "probes.npz: cannot be read", id="probes are damaged"),
        pytest.param(probes(out0=None), "probes.npz: cannot be read", id="probes without answers"),
        pytest.param(probes(in0=EXAMPLE[:0], out0=np.zeros((0, 3))), "probes.npz", id="no probe rows"),
        pytest.param(probes(in0=np.float32(1)), "probes.npz", id="probes are one number"),
        pytest.param(probes(out0=np.float32(1)), "output", id="the answer is one number"),
        pytest.param(probes(out0=np.full((16, 3), "text")), "probes.npz", id="answers are text"),
        pytest.param(probes(out0=np.zeros((5, 3))), "probes.npz: 16 rows with 5 answers", id="fewer answers"),
        pytest.param(probes(out0=np.full((16, 3), np.inf)), "probe row 0 is not finite", id="infinite answers"),
        pytest.param(probes(in0=EXAMPLE * np.nan), "the packaged model answers nan", id="probes of NaN"),
        pytest.param(probes(in0=EXAMPLE[:, :3]), "model.onnx: failed on 16 rows", id="rows of another shape"),
    ],
)  # fmt: skip
def test_a_spoilt_model_is_refused_in_one_sentence(saved: Path, spoil: Spoil, said: str) -> None:
    spoil(saved)
    assert said in refusal(saved)


def test_a_single_wrong_answer_is_found_and_named(saved: Path) -> None:
    with np.load(saved / "probes.npz") as kept:
        outputs = kept["out0"].copy()
    outputs[11, 2] += 0.5
    probes(out0=outputs)(saved)
    assert refusal(saved).startswith("output[2] of probe row 11: the packaged model answers ")


class Burglar:
    """Leaves a mark when it is unpickled."""

    mark = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.mark, "w"))


@pytest.mark.parametrize("how", ["a bare pickle", "an array of objects"])
def test_pickled_probes_are_refused_and_never_run(saved: Path, tmp_path: Path, how: str) -> None:
    Burglar.mark = str(tmp_path / "mark")
    if how == "a bare pickle":
        (saved / "probes.npz").write_bytes(pickle.dumps(Burglar()))
    else:
        probes(in0=np.array([Burglar()], dtype=object))(saved)
    assert "probes.npz: cannot be read" in refusal(saved)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("side", "change"),
    [
        ("inputs", {"dtype": "float64"}),
        ("inputs", {"shape": [-1, 5]}),
        ("inputs", {"dtype": "string", "shape": [-1]}),
        ("inputs", {"columns": ["a", "b"]}),
        ("outputs", {"shape": [-1, 2]}),
        ("outputs", {"labels": ["a", "b"]}),
        ("outputs", {"kind": "guess"}),
        ("outputs", {"kind": "quantiles", "quantiles": [0.9, 0.1]}),
    ],
    ids=["input type", "input shape", "text", "columns", "output shape", "labels", "kind", "quantiles"],
)
def test_a_manifest_that_contradicts_its_model_is_refused(saved: Path, side: str, change: dict[str, Any]) -> None:
    manifest(side, **change)(saved)
    refusal(saved)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        pytest.param(Total(), "16 example rows gave 1 answers in 'output'; give one a row", id="one answer for all"),
        pytest.param(Odd(), "forward() must return a tensor, several tensors, or a dict", id="no tensor"),
    ],
)
def test_what_cannot_be_saved_ends_the_script_with_a_sentence(tmp_path: Path, model: nn.Module, said: str) -> None:
    with pytest.raises(SystemExit) as caught:
        save(tmp_path / "model", model)
    assert str(caught.value.code).startswith("jinsu.save: ")
    assert said in str(caught.value.code)
    assert "\n" not in str(caught.value.code)


def test_control_flow_that_follows_the_data_ends_the_script_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        save(tmp_path / "model", Branch())
    said = str(caught.value.code)
    assert said.startswith("jinsu.save: the model cannot be exported to ONNX: ")
    assert "\n" not in said
    assert "\x1b" not in said  # the exporter's colours are no part of a sentence
    assert "data-dependent" in said


# Text


WORDS = ("a", "b", "i", "istanbul", "é", "ß", "ss", "σ", "x\ty", "a\u00a0b", "日本", "😀", "i\u0307")
TOKENIZER = Tokenizer(WORDS, length=5)


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    texts = np.array(["a b", "é 日本 b", ""], dtype=object)
    return OnnxModel(save(tmp_path_factory.mktemp("text") / "model", Numbers(), texts, tokenizer=TOKENIZER))


TEXTS = [
    "", " ", "   ", "a", "A B", "  a  b ", "a b a b a b a b", "x\ty", "a\tb", "a\u00a0b", "a\nb", "a\u3000b", "É ß SS ẞ", "ΣΣ Σ",
    "日本 語", "😀", "istanbul", "İstanbul", "İ", "I", "ı", "a\u200bb", "ǅ", "K", "\ufeffa", "i\u0307",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_the_graph_reads_a_text_as_python_does(text_model: OnnxModel, text: str) -> None:
    assert text_model.run((np.array([text], dtype=object),))[0].tolist() == TOKENIZER([text]).tolist()


@given(
    st.lists(
        st.text(st.sampled_from("aAbBiIİıßẞéÉσΣς \t\n\u00a0x日本😀") | st.characters(codec="utf-8")),
        min_size=1,
        max_size=4,
    )
)
@example(["", "a"])
@example(["a b a b a b", ""])
@settings(deadline=None, max_examples=300)
def test_the_graph_reads_any_texts_as_python_does(text_model: OnnxModel, texts: list[str]) -> None:
    assert text_model.run((np.array(texts, dtype=object),))[0].tolist() == TOKENIZER(texts).tolist()


def test_every_letter_that_has_a_case_becomes_the_same_word_on_both_sides(tmp_path: Path) -> None:
    letters = [chr(point) for point in range(0x110000) if chr(point).lower() != chr(point).upper()]
    known = Tokenizer(tuple(sorted({word for letter in letters for word in split(letter)})), length=1)
    model = OnnxModel(save(tmp_path / "model", Numbers(), np.array(["a", "b"], dtype=object), tokenizer=known))
    (answers,) = model.run((np.array(letters, dtype=object),))
    assert len(letters) > 2000
    assert [ascii(letters[place]) for place in np.flatnonzero(answers != known(letters))] == []


def test_a_text_model_is_packaged_like_any_other(tmp_path: Path) -> None:
    texts = np.array(["a b", "", "Istanbul é"], dtype=object)
    report = package(
        save(tmp_path / "model", Numbers(), texts, tokenizer=TOKENIZER), tmp_path / "out", TOLERANCE, BUDGET
    )
    assert report.parity.largest_absolute == 0
    assert Manifest.read(tmp_path / "out").inputs == (Input("input", "string", (-1,)),)


def test_a_vocabulary_is_the_most_frequent_words_ties_by_alphabet() -> None:
    tokenizer = Tokenizer.fit(["b b c", "A a d", "b"], size=3, length=4)
    assert tokenizer.words == ("b", "a", "c")
    assert tokenizer.size == 5
    assert tokenizer(["B a zebra", "", "a a a a a a"]).tolist() == [[2, 3, 1, 0], [0, 0, 0, 0], [3, 3, 3, 3]]


def test_a_vocabulary_does_not_depend_on_the_order_of_the_texts() -> None:
    texts = ["b a", "c", "a c b", "d"]
    assert Tokenizer.fit(texts) == Tokenizer.fit(reversed(texts))


# What a researcher's process may write


DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["float32", "string", -1]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["framework", "labels", "other", "input", "output", "dtype", "shape"]), inner)
    ),
    max_leaves=12,
)
TENSORS = st.fixed_dictionaries({"dtype": st.sampled_from(["float32", "x"]) | DOCUMENTS,
                                 "shape": st.lists(st.integers(-2, 9) | DOCUMENTS, max_size=9) | DOCUMENTS})  # fmt: skip


@given(
    st.fixed_dictionaries(
        {"framework": DOCUMENTS, "labels": DOCUMENTS, "other": DOCUMENTS, "input": TENSORS, "output": TENSORS}
    )
    | DOCUMENTS
)
@settings(deadline=None, max_examples=500)
def test_no_manifest_breaks_its_reader(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "model.json").write_text(json.dumps(document))
    with contextlib.suppress(GateFailedError):
        assert Manifest.read(folder).inputs[0].row_size >= 1


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"framework":"x","labels":["\\ud800"],"other":null,"input":{"dtype":"float32","shape":[-1]},'
        '"output":{"dtype":"float32","shape":[-1]}}',
        '{"framework":"x","labels":null,"other":null,"input":{"dtype":"float32","shape":[-1,1099511627776]},'
        '"output":{"dtype":"float32","shape":[-1]}}',
        '{"framework":"x","labels":null,"other":{"a":1},"input":{"dtype":"float32","shape":[-1]},'
        '"output":{"dtype":"float32","shape":[-1]}}',
        " " * (17 << 20) + "{}",
    ],
    ids=["deep", "half a pair", "a row without end", "a label that is an object", "long"],
)
def test_a_manifest_that_no_server_could_use_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(GateFailedError, match="not a valid model manifest"):
        Manifest.read(tmp_path)


def test_a_weight_whose_bytes_do_not_fill_its_shape_is_named(saved: Path) -> None:
    model = onnx.load(str(saved / "model.onnx"))
    model.graph.initializer[0].dims[0] = 2**40
    onnx.save(model, str(saved / "model.onnx"))
    name = model.graph.initializer[0].name
    assert f"weight {name!r} cannot be read" in refusal(saved)
