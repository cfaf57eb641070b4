"""What each confined program takes, and the files that it leaves. Pure, and light: no library that opens anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from jinsu.codec import encode
from jinsu.data.content import Content
from jinsu.data.plan import Plan
from jinsu.data.validation import Verdict
from jinsu.spec.problem import Judging
from jinsu.steps.spec import Input, Limits, StepKind, StepSpec, run_key

PROGRAM = "jinsu.confined"
PLATFORM_IMAGE = "platform"
"""The image of the platform itself; the launcher knows which one that is."""

DATASET, UPLOAD = "dataset", "upload"
"""Inputs: the content of a dataset version, and a file as it was sent, which keeps its suffix."""
LISTING, PUBLISHED, PACKS = "sent.jsonl", "published", "packs"
"""Inputs: a listing as it was sent, listings of versions, and the packs that hold the table of the files."""
FILES = "files"
"""Input: the folder of a listing and its packs."""
OLD, NEW = "old", "new"
"""Inputs: the content of two versions of a dataset."""
REMEMBERED, ROWS = "remembered.npy", "rows.parquet"
"""Inputs: the keys that were held out before, and held-out rows."""
MODEL, CHAMPION, ORIGINAL = "model", "champion", "original"
"""Inputs: the folders of the model, of the champion, and of the model before it was quantised."""
TRAINED = "trained.parquet"
"""Input: the rows that the champion trained on, where some of them may be held out now."""
SALT = "salt"
"""Name of the secret of a problem's split, hexadecimal; "" for the split of version 0.1, which had none."""
FINDINGS = "findings.json"
"""What a program found, as JSON: each task says which dataclass."""
DOCS = "data_docs"
HELD = "held.npy"
"""The keys that are held out for ever, sorted: uint64 in NumPy's format."""
SAMPLE = "sample.parquet"
INDEX = "index"
"""Name of the secret that holds the address of the index of packages: an operator may write an account into it."""
LOCK_FILE = "lock.txt"
"""The packages of an environment with exact versions and hashes, as uv and pip read them."""
ENVIRONMENT_FILE = "environment.tar.gz"
"""The packages of an environment as they are installed."""


class Task(StrEnum):
    """The programs."""

    VALIDATE = "validate"
    """Checks every row against expectations. Leaves `Validation` and the folder of the Data Docs."""
    SPLIT = "split"
    """Divides the rows of a dataset. Leaves `Sides`, both parts of the rows, and the keys that are held out for ever."""
    PACKAGE = "package"
    """Checks a saved model. Leaves `PackageFindings` and the files of the model."""
    EVALUATE = "evaluate"
    """Scores a model, and the champion, on held-out rows. Leaves `Report`."""
    INGEST = "ingest"
    """Reads a table or an archive as it was sent. Leaves `Content` and the folder of the content."""
    FILE_SET = "file_set"
    """Reads the listing of a set of files. Leaves `Content`, the listing, and the table of the files."""
    CHOOSE = "choose"
    """Finds the files that training rows name. Leaves `Chosen` and their listing."""
    FILL = "fill"
    """Puts files into held-out rows. Leaves the rows."""
    DIFFER = "differ"
    """Counts what differs between two versions of a dataset. Leaves `RowChange`."""
    SAMPLE = "sample"
    """Finds the first rows that a training would get. Leaves the rows."""
    LOCK = "lock"
    """Resolves what a training asks for. Leaves `Locked` and the lock."""
    INSTALL = "install"
    """Installs what a lock names. Leaves `Environment` and the archive of the packages."""


class Details(Protocol):
    """What a task takes beside its inputs, as a dataclass."""

    task: ClassVar[Task]


@dataclass(frozen=True)
class Validate:
    """name: what the page calls the rows. expectations: the text of a file that messages call `source`; None for none.

    features: columns that must be there; None for all. column: the one that says which rows are held out, or None.
    """

    name: str
    source: str
    expectations: str | None
    target: str
    features: Sequence[str] | None
    column: str | None
    task: ClassVar[Task] = Task.VALIDATE


@dataclass(frozen=True)
class Validation(Verdict):
    """A verdict, and how many rows were looked at."""

    rows: int


@dataclass(frozen=True)
class Split:
    """plan: how the rows are divided; None when these rows decide it, from `split` (a section of problem.yaml)."""

    plan: Plan | None
    split: Mapping[str, Any]
    target: str
    features: Sequence[str] | None
    task: ClassVar[Task] = Task.SPLIT


@dataclass(frozen=True)
class Sides:
    """The plan, the number of rows on each side, and the share of held-out rows whose features stand in a training row too."""

    plan: Plan
    train_rows: int
    eval_rows: int
    repeated: float


@dataclass(frozen=True)
class Sample(Split):
    """As `Split`. rows: how many at most."""

    rows: int
    task: ClassVar[Task] = Task.SAMPLE


@dataclass(frozen=True)
class Package:
    """tolerance: largest relative difference to the original. budget_ms: of one prediction at the 99th percentile.

    quantized: whether the weights get eight bits. gpu: GPUs on which the model is checked.
    """

    tolerance: float
    budget_ms: float
    quantized: bool = False
    gpu: int = 0
    task: ClassVar[Task] = Task.PACKAGE


@dataclass(frozen=True)
class Evaluate:
    """How a problem judges: the rules, the target, the features (None for all) and the column that no model reads.

    quantization_loss: the largest share of the score that a quantised model may lose; None for one that is not quantised.
    together: columns whose equal values say that rows belong together; () when each row stands for itself. trained: whether the
    rows that the champion trained on are given. note: what the comparison cannot know, as a sentence. scorer: the text of the
    file that a problem of kind custom names. gpu: GPUs on which the model answers.
    """

    judging: Judging
    target: str
    features: Sequence[str] | None
    column: str | None
    champion: bool
    together: Sequence[str] = ()
    trained: bool = False
    note: str = ""
    quantization_loss: float | None = None
    scorer: str | None = None
    gpu: int = 0
    task: ClassVar[Task] = Task.EVALUATE


@dataclass(frozen=True)
class Ingest:
    """name: what the sender calls the file, for messages. suffix: of the file as it was sent, such as `.csv`."""

    name: str
    suffix: str
    task: ClassVar[Task] = Task.INGEST


@dataclass(frozen=True)
class FileSet:
    """name: of the dataset, for messages. published: how many listings of earlier versions are given."""

    name: str
    published: int
    task: ClassVar[Task] = Task.FILE_SET


@dataclass(frozen=True)
class Choose:
    """Everything is in the inputs."""

    task: ClassVar[Task] = Task.CHOOSE


@dataclass(frozen=True)
class Chosen:
    """files: how many are chosen."""

    files: int


@dataclass(frozen=True)
class Fill:
    """Everything is in the inputs."""

    task: ClassVar[Task] = Task.FILL


@dataclass(frozen=True)
class Differ:
    """keys: columns whose values say which rows of the two versions belong together; () for none.

    listings: whether listings of files are given in place of tables.
    """

    keys: Sequence[str]
    listings: bool
    task: ClassVar[Task] = Task.DIFFER


@dataclass(frozen=True)
class Lock:
    """requirements: the text of the file that messages call `file`. links: folders of wheels, or pages that link to them."""

    requirements: str
    file: str
    links: Sequence[str]
    task: ClassVar[Task] = Task.LOCK


@dataclass(frozen=True)
class Locked:
    """packages: `NAME==VERSION` of each that is installed. provided: of each that was asked for and that the platform has."""

    packages: Sequence[str]
    provided: Sequence[str]


@dataclass(frozen=True)
class Install:
    """links: as in `Lock`. most_bytes, most_files: of an environment."""

    links: Sequence[str]
    most_bytes: int
    most_files: int
    task: ClassVar[Task] = Task.INSTALL


@dataclass(frozen=True)
class Environment:
    """size: bytes of all files together. files: how many there are."""

    size: int
    files: int


INGESTED = Content
"""What the task INGEST finds."""


def confined_step(
    details: Details,
    inputs: Sequence[Input],
    limits: Limits,
    edition: str,
    labels: Mapping[str, str],
    secrets: Mapping[str, str] | None = None,
    known_as: Mapping[str, Any] | None = None,
    egress: tuple[str, ...] = (),
    image: str = PLATFORM_IMAGE,
) -> StepSpec:
    """The step of one task.

    edition: changes when the program finds something else in the same inputs. labels: whose step it is. known_as: what names
    the step in place of its details, where some of these decide nothing or a secret decides too. egress: what the program may
    reach. image: where it is executed, on Kubernetes.
    """
    document = encode(details)
    key = run_key(
        str(details.task),
        document if known_as is None else known_as,
        {item.name: item.digest for item in inputs},
        "",
        f"jinsu-{edition}",
    )
    return StepSpec(
        name=str(details.task),
        image=image,
        command=("python", "-m", PROGRAM, str(details.task)),
        params=document,
        limits=limits,
        inputs=tuple(inputs),
        output_uri=f"steps/{key}",
        run_key=key,
        labels=labels,
        kind=StepKind.PLATFORM,
        egress=egress,
        secrets=secrets or {},
    )
