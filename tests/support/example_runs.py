"""An example of `examples/` and its baselines on a running installation: prepared, submitted, judged."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import yaml
from tests.support.shared_data import shared_path
from tests.support.waiting import until

from jinsu.codec import decode
from jinsu.evaluation.score import Score
from jinsu.registry.facts import Facts
from jinsu.runs.snapshots import pack
from jinsu.runs.stages import Evaluated, Packaged, StageName, Trained
from jinsu.spec.metrics import Better, better_of

FOLDERS = Path(__file__).parents[2] / "examples"
BASELINES = "baselines"


@dataclass(frozen=True)
class Example:
    """A folder of `examples/`, and what its test needs to know.

    request: bodies of live requests, made from the prepared table. sources: files of the shared data, in the order in which
    prepare.py takes them; none where a package ships the data. rows: the test's sample; None for all rows. baselines: folders below
    `baselines/`, the simple one first. beats: the baselines that the example must not be worse than on the sample, in the problem's
    metric; None for the simple one. slices: a column and values of it in which the example must be better than these same baselines.
    shape: of the answer to one row; None where it depends on the rows. after: the baseline that is launched first, so that the
    example takes over from it through a canary; "" where the example is the first version. bounds: lines of problem.yaml, and of
    model.yaml where it has them too, that the test's sample or machine needs otherwise. root: where the folder lies.
    """

    name: str
    request: Callable[[Any], list[Any]]
    sources: tuple[str, ...] = ()
    rows: int | None = None
    baselines: tuple[str, ...] = ()
    beats: tuple[str, ...] | None = None
    slices: tuple[tuple[str, str], ...] = ()
    shape: tuple[int, ...] | None = None
    after: str = ""
    bounds: Mapping[str, Any] = field(default_factory=dict)
    root: Path = FOLDERS

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def folders(self) -> dict[str, Path]:
        """The folder of each model that answers the problem: the example's own first, under its name, then the baselines'."""
        return {self.name: self.folder, **{name: self.folder / BASELINES / name for name in self.baselines}}

    @property
    def requirements(self) -> tuple[Path, ...]:
        """The files that name packages which the platform lacks."""
        return tuple(path for folder in self.folders.values() if (path := folder / "requirements.txt").exists())

    @property
    def to_beat(self) -> tuple[str, ...]:
        return self.baselines[:1] if self.beats is None else self.beats


@dataclass(frozen=True)
class Judged:
    """What the platform found of one run.

    metric, score: the problem's metric over all held-out rows. others: further metrics by name; slices: scores by column and value;
    both empty when a floor of the problem stopped the run. gain: how much better than the champion; None without one. facts: all of
    the evidence; None without a review. seconds, peak_memory: of the training; bytes. p99_ms: the latency of one prediction.
    stopped: why the run came to no reviewer; "" for one that did.
    """

    run: str
    metric: str
    score: Score
    others: Mapping[str, Score] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    gain: Score | None = None
    facts: Facts | None = None
    seconds: float = 0.0
    peak_memory: int = 0
    p99_ms: float = 0.0
    stopped: str = ""


def model_of(folder: Path) -> str:
    """The name of the model that the folder's model.yaml describes."""
    return str(yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))["name"])


def prepare(example: Example, table: Path, rows: int | None) -> None:
    """Runs the example's prepare.py. Skips the test, with the reason, where the shared data is not there."""
    sources = [str(shared_path(source)) for source in example.sources]
    sample = [] if rows is None else ["--rows", str(rows)]
    command = [sys.executable, "prepare.py", *sources, str(table), *sample]
    ended = subprocess.run(command, cwd=example.folder, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, f"{example.name}: prepare.py: {ended.stdout}{ended.stderr}"


def put(installation: Any, example: Example, table: Path) -> None:
    """The dataset by the name that the problem gives it, and then the problem."""
    problem = yaml.safe_load((example.folder / "problem.yaml").read_text(encoding="utf-8"))
    installation.jinsu("data", "put", problem["dataset"], table, patience=300)
    installation.jinsu("problem", "put", example.folder)


def eased(example: Example, scratch: Path) -> Example:
    """The example in a copy of its folder that has the test's bounds; the example itself where there are none."""
    if not example.bounds:
        return example
    copy = shutil.copytree(example.folder, scratch / example.name)
    for document in ("problem.yaml", "model.yaml"):
        lines = yaml.safe_load((copy / document).read_text(encoding="utf-8"))
        lines.update({line: bound for line, bound in example.bounds.items() if line in lines})
        (copy / document).write_text(yaml.safe_dump(lines), encoding="utf-8")
    return replace(example, root=scratch)


def submit(installation: Any, folder: Path, **overrides: Any) -> str:
    """The folder as it is, but for the overrides; returns the run."""
    content, digest = pack(folder)
    installation.api.post("/code", content=content)
    body = {"code_digest": digest, "idempotency_key": uuid4().hex, "overrides": overrides}
    answer = installation.api.post("/submissions", json=body)
    assert answer.is_success, f"{folder}: {answer.text}"
    return str(answer.json()["id"])


def asked(installation: Any, run: str) -> bool:
    """Whether a reviewer is asked about the run."""
    return bool(installation.stage(run, StageName.REVIEW).get("state") == "running")


def judged(installation: Any, run: str, within: float) -> Judged:
    """What the platform found, once a reviewer is asked or the run has ended. A run that never came to a score fails the test."""
    until(
        lambda: installation.run(run)["ended"] or asked(installation, run),
        within,
        lambda: f"{run} to be judged: {installation.run(run)['why']}",
        every=0.5,
    )
    stages = {stage["name"]: stage.get("output") for stage in installation.run(run)["stages"]}
    found = stages.get(StageName.EVALUATE)
    assert found, f"{run} has no score: {installation.run(run)['why']}"
    evaluated = decode(Evaluated, found)
    trained = decode(Trained, stages[StageName.TRAIN])
    known = Judged(
        run,
        evaluated.metric,
        evaluated.overall,
        gain=evaluated.gain,
        seconds=trained.seconds,
        peak_memory=trained.peak_memory,
        p99_ms=decode(Packaged, stages[StageName.PACKAGE]).latency.p99_ms,
    )
    if not asked(installation, run):
        return Judged(**{**vars(known), "stopped": str(installation.run(run)["why"])})
    facts = evidence(installation, run)
    report = facts.evaluation
    return Judged(**{**vars(known), "facts": facts, "others": report.others, "slices": report.slices})


def evidence(installation: Any, run: str) -> Facts:
    """What `evidence.json` of the run holds."""
    query = {"run_uuid": installation.run(run)["mlflow_run"], "path": "evidence.json"}
    answer = installation.mlflow().get("/get-artifact", params=query)
    assert answer.is_success, answer.text
    return decode(Facts, json.loads(answer.text))


def approve(installation: Any, run: str) -> None:
    """The reviewer approves, and the run ends with the version serving."""
    installation.jinsu("review", "approve", run, token=installation.token("rita"))
    ended = installation.ended(run, 180)
    assert ended["state"] == "succeeded", ended["why"]


def reject(installation: Any, run: str) -> None:
    """The reviewer refuses a baseline, which was only to be judged."""
    installation.jinsu(
        "review", "reject", run, "--reason", "a baseline: judged, not launched", token=installation.token("rita")
    )


def as_good(metric: str, ours: Score, theirs: Score) -> bool:
    """Whether the first score is at least the second, in the way in which the metric is better."""
    if better_of(metric) is Better.GREATER:
        return ours.value >= theirs.value
    if better_of(metric) is Better.SMALLER:
        return ours.value <= theirs.value
    return abs(ours.value) <= abs(theirs.value)


def answers(url: str, bodies: Sequence[Any]) -> list[np.ndarray]:
    """The model's answer to each body, every number of it finite: its first output, where it has several."""
    found = []
    for body in bodies:
        answer = httpx.post(url, json=body, timeout=60)
        assert answer.is_success, answer.text
        predictions = answer.json()["predictions"]
        outputs = list(predictions.values()) if isinstance(predictions, dict) else [predictions]
        arrays = [np.asarray(values, dtype=float) for values in outputs]
        assert all(np.isfinite(values).all() for values in arrays)
        found.append(arrays[0])
    return found
