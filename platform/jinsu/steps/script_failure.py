"""Why a training script failed, from the end of what it printed: where in the folder, which error, and what to do. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TRACEBACK = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "([^"\n]{1,500})", line (\d+)')
_CODE = "/code/"
_ELSEWHERE = re.compile(r"site-packages|/lib/python3|^<|/jinsu/(?:sdk/|__init__\.py)")
_LONGEST = 300

_KNOWN = (
    (
        r"ModuleNotFoundError: No module named '([^']+)'",
        r"write the package that holds \1 into requirements.txt beside model.yaml",
    ),
    (
        r"(?:ImportError: .*GLIBC|OSError: .*cannot open shared object file)",
        "the package needs a library of the system; train in an image that has it (train.image)",
    ),
    (r"KeyError: '(?!JINSU)[^']*'", "`jinsu check` compares the columns that a script reads with those of the dataset"),
    (
        r"(?:ValueError: could not convert string to float|TypeError: can't convert np.ndarray of type numpy.object_"
        r"|ValueError: too many dimensions 'str')",
        "texts make no tensor: use jinsu.Vocabulary for categories, a tokenizer for texts, and one input for each column",
    ),
    (
        r"(?:IndexError: index out of range in self|.*device-side assert|IndexError: Target \d+ is out of bounds)",
        "a number is beyond the rows of an embedding or the classes of the model; size it by jinsu.Vocabulary(…).size",
    ),
    (
        r".*(?:OutOfMemoryError|CUDA out of memory|MemoryError|DefaultCPUAllocator: can't allocate memory)",
        "use smaller batches, or raise train.resources",
    ),
    (
        r"(?:FileNotFoundError|.*No such file or directory)",
        "a training sees the files of its folder and its rows, jinsu.dataset(); put other data into a dataset: jinsu data put",
    ),
    (
        r"(?:PermissionError|OSError: \[Errno 30\])",
        "a script may write to its own folder, to jinsu.out_dir() and to its temporary folder",
    ),
    (
        r".*(?:ConnectionError|ConnectTimeout|ConnectError|gaierror|Name or service not known|URLError|Network is unreachable"
        r"|Temporary failure in name resolution|LocalEntryNotFoundError)",
        "a training has no network; put what it downloads into the folder or into a dataset: jinsu data put",
    ),
    (
        r"RuntimeError: (?:mat1 and mat2 shapes|The size of tensor|shape '|Given groups)",
        "the shapes of two layers, or of the rows and the first layer, do not fit",
    ),
    (
        r"RuntimeError: .*(?:Found dtype|expected scalar type|must have the same dtype)",
        "convert the rows to the type of the model's weights, such as .astype(np.float32)",
    ),
    (
        r"AttributeError: module 'jinsu' has no attribute",
        "`help(jinsu)` lists what a script may call",
    ),
    (r"TypeError: (?:save|params|log|dataset)\(\)", "`help(jinsu)` shows what it takes"),
)
"""How an error begins that trainings often end with, and what to do about it."""


@dataclass(frozen=True)
class ScriptFailure:
    """where: file and line of the folder. error: its first line. advice: what to do; "" for an error that is not known."""

    where: str
    error: str
    advice: str

    def __str__(self) -> str:
        said = f"{self.where}: {self.error}"
        return f"{said}; {self.advice}." if self.advice else said


def script_failure(printed: str) -> ScriptFailure | None:
    """The failure that the last traceback shows; None without one, and without a line of the folder in it.

    printed: the last kilobytes. A traceback that begins before them is read as far as it is there.
    """
    lines = printed.rstrip().splitlines()
    places = [place for place, line in enumerate(lines) if _FRAME.match(line)]
    if not places:
        return None
    ours = [_FRAME.match(lines[place]) for place in places[_first_of_last(lines, places) :]]
    frames = [(found[1], found[2]) for found in ours if found and not _ELSEWHERE.search(found[1])]
    errors = [line for line in lines[places[-1] + 1 :] if line.strip() and not line.startswith(" ")]
    if not frames or not errors:
        return None
    path, number = frames[-1]
    error = errors[0].strip()[:_LONGEST]
    return ScriptFailure(f"{path.rpartition(_CODE)[2]}, line {number}", error, advice(error))


def advice(error: str) -> str:
    """What to do about an error, as the last line of a traceback names it; "" when it is none of the known ones."""
    for beginning, remedy in _KNOWN:
        if found := re.match(beginning, error):
            return found.expand(remedy) if found.groups() else remedy
    return ""


def _first_of_last(lines: list[str], places: list[int]) -> int:
    """Where the last traceback's frames begin among all frames."""
    starts = [place for place, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    return 0 if not starts else sum(place < starts[-1] for place in places)
