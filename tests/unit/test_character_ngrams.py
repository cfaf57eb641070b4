"""Character n-grams: the same numbers in Python and in the graph, for every language."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from torch import nn

import jinsu
from jinsu.packaging.manifest import Input, Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import package
from jinsu.sdk.character_ngrams import CharacterNgrams
from jinsu.sdk.saving import example_of, save_model

KNOWN = [
    "한국어를 배우는 사람들이", "evlerinizden geldiğimizi İSTANBUL", "juoksentelisinkohan taloissanikin", "日本語の文章です",
    "emoji 😀👨‍👩‍👧 mixed Straße ΣΑΣ", "e\u0301 combining", "tab\tand\nline", "",
]  # fmt: skip
NGRAMS = CharacterNgrams.fit(KNOWN, sizes=(1, 2, 3), length=24)


class Numbers(nn.Module):
    """Answers the numbers it was given: what the n-grams of a text are."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return ids.double()


class Bag(nn.Module):
    """The mean of the vectors of a text's numbers, padding left out."""

    def __init__(self, size: int, axes: int) -> None:
        super().__init__()
        self.table = nn.Embedding(size, axes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        there = (ids > 0).float()
        return (self.table(ids) * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp(min=1)


def save(folder: Path, model: nn.Module, texts: Any, ngrams: CharacterNgrams) -> Path:
    """As `jinsu.save` does, into `folder`."""
    read = example_of(np.asarray(texts, dtype=object), None, None, {"input": ngrams})
    return save_model(folder, model, read, tokenizers={"input": ngrams})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    return OnnxModel(save(tmp_path_factory.mktemp("ngrams") / "model", Numbers(), KNOWN, NGRAMS))


SCRIPTS = (
    st.text(st.sampled_from("한국어를배우는사람ㄱㅏ "))
    | st.text(st.sampled_from("evlrizdğışçöüİI "))
    | st.text(st.sampled_from("juoksentlihaäöÄÖ "))
    | st.text(st.sampled_from("😀👨‍👩‍👧🏽日本語σςΣßẞé\u0301\u200d\u00a0\t\n\x00 "))
    | st.text(st.characters(codec="utf-8"))
)


@given(st.lists(SCRIPTS, min_size=1, max_size=4))
@example([""])
@example(["", "a"])
@example(["\x00"])
@example(["한국어를 배우는 사람들이 모두 모여서 이야기를 나누었습니다"])
@settings(deadline=None, max_examples=400)
def test_the_graph_numbers_any_texts_as_python_does(model: OnnxModel, texts: list[str]) -> None:
    assert model.run((np.array(texts, dtype=object),))[0].tolist() == NGRAMS(texts).tolist()


def test_numbers_follow_from_the_vocabulary() -> None:
    ngrams = CharacterNgrams(("가", " 가", "가나"), sizes=(1, 2), length=4)
    assert ngrams.width == 4 + 3
    assert ngrams(["가나", "", "가나다라"]).tolist() == [
        [1, 2, 1, 1, 3, 4, 1],
        [1, 1, 0, 0, 1, 0, 0],
        [1, 2, 1, 1, 3, 4, 1],
    ]


def test_the_most_frequent_ngrams_are_kept_ties_by_alphabet() -> None:
    assert CharacterNgrams.fit(["ab", "b", "bb"], size=3, sizes=(1,)).grams == (" ", "b", "a")


@pytest.mark.parametrize(
    ("grams", "more", "said"),
    [
        (("ab",), {"sizes": (3, 2)}, "rising order"),
        (("ab",), {"sizes": ()}, "rising order"),
        (("ab",), {"sizes": (2,), "length": 1}, "holds no n-gram of 2"),
        (("a",), {"sizes": (2,)}, "every n-gram has one of the lengths"),
        ((), {"sizes": (2,)}, "there is at least one"),
        (tuple(chr(0x4E00 + place) * 5 for place in range(7000)), {"sizes": (5,)}, "cannot be numbered"),
    ],
)
def test_ngrams_that_cannot_be_numbered_are_refused(grams: tuple[str, ...], more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CharacterNgrams(grams, **more)


def test_a_model_of_ngrams_is_packaged_like_any_other(tmp_path: Path) -> None:
    assert jinsu.CharacterNgrams is CharacterNgrams
    found = package(save(tmp_path / "model", Bag(NGRAMS.size, 3), KNOWN, NGRAMS), tmp_path / "out", 1e-4, 1000.0)
    assert found.parity.largest_relative < 1e-5
    assert Manifest.read(tmp_path / "out").inputs == (Input("input", "string", (-1,)),)


def test_ngrams_stand_in_front_of_a_file_of_an_older_opset(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Cast", ["ids"], ["numbers"], to=TensorProto.FLOAT)],
        "numbers",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", NGRAMS.width])],
        [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["n", NGRAMS.width])],
    )
    older = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    onnx.save(older, str(tmp_path / "given.onnx"))
    saved = save(tmp_path / "model", tmp_path / "given.onnx", KNOWN, NGRAMS)  # type: ignore[arg-type]
    assert OnnxModel(saved).run((np.array(KNOWN, dtype=object),))[0].tolist() == NGRAMS(KNOWN).tolist()


# Why: words of a language with rich endings are seldom seen twice


STEMS = ("학교", "도서관", "병원", "시장", "회사", "공원", "바다", "식당")
PARTICLES = ("에서", "까지", "으로", "에는", "이", "을", "의", "와", "에서도", "까지만", "부터", "마다", "처럼", "보다")
ENDINGS = ("갔습니다", "갔다가", "가려고", "가면서", "가는데", "갑니다", "가겠지만", "갔더니", "갈수록", "가자마자")


def sentences(rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Sentences of a stem with particles and endings, which Korean writes as one word; the class is the stem's."""
    random = np.random.default_rng(seed)
    classes = random.integers(len(STEMS), size=rows)
    texts = []
    for label in classes:
        first, second = random.choice(PARTICLES, 2)
        texts.append(f"{STEMS[label]}{first}{second} {random.choice(PARTICLES)}{random.choice(ENDINGS)}")
    return texts, classes


def accuracy(tokenizer: Any, rows: int = 200) -> tuple[float, float]:
    """The accuracy on unseen sentences of a bag of the tokenizer's numbers, and the share of unknown ones."""
    torch.manual_seed(0)
    (texts, classes), (unseen, wanted) = sentences(rows, 0), sentences(1000, 1)
    bag = Bag(tokenizer.size, len(STEMS))
    step = torch.optim.Adam(bag.parameters(), lr=0.05)
    ids, target = torch.from_numpy(tokenizer(texts)), torch.from_numpy(classes)
    for _ in range(150):
        step.zero_grad()
        nn.functional.cross_entropy(bag(ids), target).backward()
        step.step()
    unseen_ids = tokenizer(unseen)
    with torch.no_grad():
        guessed = bag(torch.from_numpy(unseen_ids)).argmax(1).numpy()
    return float((guessed == wanted).mean()), float((unseen_ids == 1).sum() / (unseen_ids > 0).sum())


def test_ngrams_read_words_that_a_vocabulary_of_words_does_not_know() -> None:
    texts, _ = sentences(200, 0)
    words, words_unknown = accuracy(jinsu.Tokenizer.fit(texts, length=8))
    ngrams, ngrams_unknown = accuracy(CharacterNgrams.fit(texts, length=32))
    print(f"words {words:.3f} ({words_unknown:.0%} unknown), n-grams {ngrams:.3f} ({ngrams_unknown:.0%} unknown)")
    assert words_unknown > 0.3
    assert ngrams_unknown < words_unknown / 2
    assert ngrams > words + 0.1
