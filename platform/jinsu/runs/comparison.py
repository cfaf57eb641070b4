"""What differs between a candidate and the champion: spec, code, data, environment. The differences themselves are pure."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.data.datasets import DatasetStore
from jinsu.errors import JinsuError
from jinsu.runs.journal import output_of
from jinsu.runs.snapshots import SnapshotStore, contents
from jinsu.runs.stages import Evaluated, StageName, Trained
from jinsu.runs.text import clean
from jinsu.state.database import Database
from jinsu.state.states import Aspect
from jinsu.state.tables import Candidate, StageRecord, Submission

_LARGEST_TEXT, _LONGEST_TEXT, _LONGEST_LINE = 200_000, 5000, 300
"""Bytes and lines of the largest file that is compared line by line: the time for that grows with their square."""
_MOST_LINES, _MOST_OF_AN_ASPECT = 60, 200


@dataclass(frozen=True)
class Difference:
    """One thing that differs. before: the champion's; after: the candidate's; "" where one of them has no such thing."""

    aspect: Aspect
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Compared:
    """A candidate beside a champion. champion: its version; None when the candidate was compared with none."""

    champion: str | None
    champion_run: str | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Comparison:
    """Reads what both runs were made from."""

    database: Database
    snapshots: SnapshotStore
    datasets: DatasetStore

    def of(self, run: str) -> Compared:
        """The candidate of a run beside the champion that it was evaluated against."""
        with self.database.begin() as session:
            candidate = session.get_one(Submission, run)
            stage = session.get(StageRecord, (run, StageName.EVALUATE, 0))
            evaluated = None if stage is None else output_of(stage)
            version = evaluated.champion if isinstance(evaluated, Evaluated) else None
            query = select(Candidate.submission).where(
                Candidate.model == candidate.model, Candidate.version == version, Candidate.ready
            )
            other = None if version is None else session.scalar(query)
            champion = None if other is None else session.get(Submission, other)
        if champion is None:
            return Compared(version, None, ())
        return Compared(version, champion.id, tuple(self._differences(champion, candidate)))

    def _differences(self, champion: Submission, candidate: Submission) -> Iterator[Difference]:
        yield from documents(Aspect.SPEC, champion.spec, candidate.spec)
        rules = [
            {key: value for key, value in row.rules.items() if key not in _ELSEWHERE} for row in (champion, candidate)
        ]
        yield from documents(Aspect.RULES, *rules)
        yield from self._code(champion.code_digest, candidate.code_digest)
        yield from documents(Aspect.DATA, self._data(champion.dataset), self._data(candidate.dataset))
        yield from documents(Aspect.ENVIRONMENT, self._environment(champion.id), self._environment(candidate.id))

    def _code(self, before: str, after: str) -> Iterator[Difference]:
        if before == after:
            return
        try:
            yield from files(contents(self.snapshots.get(before)), contents(self.snapshots.get(after)))
        except JinsuError as problem:  # an old snapshot may be gone; the rest can be compared without it
            yield Difference(Aspect.CODE, "snapshot", before[:12], f"{after[:12]} ({problem})")

    def _data(self, reference: str) -> Mapping[str, object]:
        try:
            version = self.datasets.resolve(reference)
        except JinsuError:
            return {"version": reference}
        return {"version": version.reference, "rows": version.rows, "columns": dict(version.schema)}

    def _environment(self, run: str) -> Mapping[str, object]:
        with self.database.begin() as session:
            stage = session.get(StageRecord, (run, StageName.TRAIN, 0))
        trained = None if stage is None else output_of(stage)
        return {"script": trained.environment} if isinstance(trained, Trained) else {}


_ELSEWHERE = frozenset({"dataset", "documents", "version"})
"""Rules that say nothing of their own: the data have lines of their own, and a version may change no rule."""


def documents(aspect: Aspect, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Difference]:
    """One difference for each line that two documents do not share; the first 200 of them. Pure."""
    old, new = dict(_lines("", before)), dict(_lines("", after))
    changed = [line for line in sorted({*old, *new}) if old.get(line) != new.get(line)]
    for line in changed[:_MOST_OF_AN_ASPECT]:
        yield Difference(aspect, _shown(line), _shown(old.get(line, "")), _shown(new.get(line, "")))
    yield from _more(aspect, changed)


def files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[Difference]:
    """One difference for each file that is new, gone or changed; for a changed text with its lines. The first 200. Pure."""
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    for name in changed[:_MOST_OF_AN_ASPECT]:
        old, new = before.get(name), after.get(name)
        now = _described(new) if old is None or new is None else _lines_changed(old, new)
        yield Difference(Aspect.CODE, _shown(name), _described(old), now)
    yield from _more(Aspect.CODE, changed)


def _more(aspect: Aspect, changed: Sequence[str]) -> Iterator[Difference]:
    if len(changed) > _MOST_OF_AN_ASPECT:
        yield Difference(aspect, f"and {len(changed) - _MOST_OF_AN_ASPECT} more", "", "")


def _shown(text: str) -> str:
    """Text of a submitter as it may be shown: clean, on one line, and of bounded length."""
    flat = clean(text).replace("\n", "�")
    return flat if len(flat) <= _LONGEST_LINE else f"{flat[:_LONGEST_LINE]}…"


def _lines(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key in value:
            name = repr(key) if "." in str(key) else str(key)
            yield from _lines(f"{path}.{name}" if path else name, value[key])
    elif value not in (None, "", [], {}):
        yield path, str(value)


def _described(content: bytes | None) -> str:
    if content is None:
        return ""
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:12]}"


def _lines_changed(old: bytes, new: bytes) -> str:
    if max(len(old), len(new)) > _LARGEST_TEXT:
        return _described(new)
    try:
        texts = [content.decode().split("\n") for content in (old, new)]
    except UnicodeDecodeError:
        return _described(new)
    if max(map(len, texts)) > _LONGEST_TEXT:
        return _described(new)
    diff = difflib.unified_diff(texts[0], texts[1], lineterm="", n=1)
    changed = list(diff)[2:]  # the first two name the files
    more = len(changed) - _MOST_LINES
    shown = [*map(_shown, changed[:_MOST_LINES]), *([f"… {more} more lines"] if more > 0 else [])]
    return "\n".join(shown) or _described(new)
