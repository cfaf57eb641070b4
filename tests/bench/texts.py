"""How well texts are told apart: split at spaces, as character n-grams, as subwords, and by scikit-learn's n-grams.

The texts are those of Airflow's own pages, which it ships in twenty languages; the class of a text is the page it stands on.
A fifth is held out, five times in turn, and nothing is fitted on it. All but the last train the same small network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import jinsu

LANGUAGES = {"en": "English", "ko": "Korean", "tr": "Turkish", "hu": "Hungarian", "pl": "Polish"}
_LENGTH, _EPOCHS, _FOLDS = 96, 20, 5
_LEAST_ROWS = 30
"""Pages with fewer texts say nothing."""


@dataclass(frozen=True)
class Texts:
    """texts, and the number of the page of each."""

    texts: np.ndarray
    pages: np.ndarray


def texts_of(language: str) -> Texts:
    """The distinct texts of Airflow's pages in one language."""
    import airflow

    folder = Path(airflow.__file__).parent / "ui" / "dist" / "i18n" / "locales" / language
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        for text in _strings(json.loads(path.read_text(encoding="utf-8"))):
            found.setdefault(re.sub(r"\{\{.*?\}\}", "", text).strip(), path.stem)
    _, pages, counts = np.unique(list(found.values()), return_inverse=True, return_counts=True)
    kept = counts[pages] >= _LEAST_ROWS
    return Texts(np.array(list(found), dtype=object)[kept], np.unique(pages[kept], return_inverse=True)[1])


def _strings(document: Any) -> Iterator[str]:
    for value in document.values():
        if isinstance(value, dict):
            yield from _strings(value)
        elif isinstance(value, str):
            yield value


class _Bag(torch.nn.Module):
    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(size, 64)
        self.scores = torch.nn.Linear(64, classes)

    def forward(self, ids: torch.Tensor, pad: int) -> torch.Tensor:
        there = (ids != pad).float()
        return self.scores((self.table(ids) * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp(min=1))


Fit = Callable[[np.ndarray], Any]


def _subwords(texts: np.ndarray) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=2000, special_tokens=["<pad>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(list(texts), trainer)
    return jinsu.Subwords(tokenizer, length=_LENGTH)


WAYS: dict[str, Fit] = {
    "words": lambda texts: jinsu.Tokenizer.fit(texts, length=_LENGTH),
    "character n-grams": lambda texts: jinsu.CharacterNgrams.fit(texts, size=8_000, length=_LENGTH),
    "subwords": _subwords,
}


@dataclass(frozen=True)
class Found:
    """accuracy: on the held-out texts of all folds. unknown: share of their tokens that no training text holds."""

    accuracy: float
    unknown: float


def measure(texts: Texts, fit: Fit, seed: int = 0) -> Found:
    """One way of reading, in five folds."""
    right, unknown, tokens = 0, 0, 0
    for train, held in _folds(len(texts.texts), seed):
        read = fit(texts.texts[train])
        pad = getattr(read, "pad", 0)
        ids, answers = torch.from_numpy(read(texts.texts[train])), torch.from_numpy(texts.pages[train])
        model = _trained(ids, answers, read.size, int(texts.pages.max()) + 1, pad, seed)
        numbers = read(texts.texts[held])
        with torch.no_grad():
            guess = model(torch.from_numpy(numbers), pad).argmax(1).numpy()
        right += int((guess == texts.pages[held]).sum())
        unknown, tokens = unknown + int((numbers == 1).sum()), tokens + int((numbers != pad).sum())
    return Found(right / len(texts.texts), unknown / tokens)


def _folds(rows: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    order = np.random.default_rng(seed).permutation(rows)
    for fold in range(_FOLDS):
        yield np.delete(order, np.s_[fold::_FOLDS]), order[fold::_FOLDS]


def _trained(ids: torch.Tensor, answers: torch.Tensor, size: int, classes: int, pad: int, seed: int) -> _Bag:
    torch.manual_seed(seed)
    model = _Bag(size, classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(_EPOCHS):
        for rows in torch.randperm(len(ids)).split(32):
            loss = torch.nn.functional.cross_entropy(model(ids[rows], pad), answers[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def reference(texts: Texts, seed: int = 0) -> float:
    """Accuracy of a logistic regression on scikit-learn's TF-IDF of character n-grams."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    right = 0
    for train, held in _folds(len(texts.texts), seed):
        model = make_pipeline(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
            LogisticRegression(C=10, max_iter=1000),
        )
        model.fit(texts.texts[train], texts.pages[train])
        right += int((model.predict(texts.texts[held]) == texts.pages[held]).sum())
    return right / len(texts.texts)


def main() -> None:
    torch.set_num_threads(1)
    for code, name in LANGUAGES.items():
        texts = texts_of(code)
        found = {way: measure(texts, fit) for way, fit in WAYS.items()}
        cells = [f"{way} {one.accuracy:.3f} ({one.unknown:.0%} unknown)" for way, one in found.items()]
        print(f"{name}, {len(texts.texts)} texts, {texts.pages.max() + 1} pages: ", end="")
        print(", ".join([*cells, f"character TF-IDF {reference(texts):.3f}"]), flush=True)


if __name__ == "__main__":
    main()
