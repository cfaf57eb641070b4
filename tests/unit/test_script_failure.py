"""A training that fails for a known reason names its line and what to do, from what the real script printed."""

import time
from pathlib import Path

import pytest

from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.steps.script_failure import advice, script_failure
from jinsu.steps.spec import Input, Limits, StepSpec
from jinsu.steps.status import TERMINAL

FAILURES = {
    "a package": (
        "import no_such_package",
        "line 3: ModuleNotFoundError: No module named 'no_such_package'; write the package that holds no_such_package into "
        "requirements.txt beside model.yaml.",
    ),
    "a column": (
        "{'title': 1}['titel']",
        "line 3: KeyError: 'titel'; `jinsu check` compares the columns that a script reads with those of the dataset.",
    ),
    "a text as a number": (
        "np.array(['red', 'blue']).astype(np.float32)",
        "line 3: ValueError: could not convert string to float: np.str_('red'); texts make no tensor: use jinsu.Vocabulary",
    ),
    "a mixed table": (
        "import torch; torch.tensor(np.array([1, 'red'], dtype=object))",
        "line 3: TypeError: can't convert np.ndarray of type numpy.object_",
    ),
    "an embedding": (
        "import torch; torch.nn.Embedding(3, 2)(torch.tensor([3]))",
        "line 3: IndexError: index out of range in self; a number is beyond the rows of an embedding",
    ),
    "shapes": (
        "import torch; torch.nn.Linear(3, 2)(torch.zeros(1, 4))",
        "line 3: RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x4 and 3x2); the shapes of two layers",
    ),
    "types": (
        "import torch; torch.nn.Linear(3, 2)(torch.zeros(1, 3, dtype=torch.float64))",
        "line 3: RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float; convert the rows",
    ),
    "a file": (
        "open('/data/rows.csv')",
        "line 3: FileNotFoundError: [Errno 2] No such file or directory: '/data/rows.csv'; a training sees the files of its",
    ),
    "the network": (
        "import urllib.request; urllib.request.urlopen('http://192.0.2.1.invalid/rows', timeout=2)",
        "a training has no network; put what it downloads into the folder or into a dataset: jinsu data put.",
    ),
    "a call": (
        "jinsu.svae(1)",
        "line 3: AttributeError: module 'jinsu' has no attribute 'svae'; `help(jinsu)` lists what a script may call.",
    ),
    "a call of another kind": ("jinsu.save(1)", "`help(jinsu)` shows what it takes."),
    "an unknown reason": ("assert 1 == 2, 'not equal'", "line 3: AssertionError: not equal"),
}


def message_of(folder: Path, line: str) -> str:
    """What the launcher says about a script of two imports and this line, in a function that `train.py` calls."""
    code = folder / "code"
    code.mkdir()
    (code / "train.py").write_text("import helper\n\nhelper.run()\n")
    (code / "helper.py").write_text(f"import jinsu, numpy as np\ndef run():\n    {line}\n")
    step = StepSpec(
        name="train", image="local", command=("python", "train.py"), params={}, limits=Limits(2 << 30, 60.0, 1),
        inputs=(Input("code", str(code), ""),), output_uri=str(folder), run_key="a" * 64,
    )  # fmt: skip
    launcher = LocalLauncher(folder / "steps")
    launcher.start(step)
    until = time.monotonic() + 120
    while (status := launcher.status(step.run_key)).phase not in TERMINAL and time.monotonic() < until:
        time.sleep(0.05)
    return status.message


@pytest.mark.parametrize("reason", FAILURES)
def test_a_failure_names_its_line_and_what_to_do(tmp_path: Path, reason: str) -> None:
    line, said = FAILURES[reason]
    message = message_of(tmp_path, line)
    assert message.startswith("the script exited with 1: helper.py, line 3: "), message
    assert said in message
    assert "\n" not in message


def test_the_last_traceback_that_has_a_line_of_the_folder_is_the_failure() -> None:
    shown = "Traceback (most recent call last):\n  File \"/step/code/a.py\", line 7, in f\n    g()\nKeyError: 'x'\n"
    assert str(script_failure(shown)).startswith("a.py, line 7: KeyError: 'x'; ")
    assert script_failure("no column\n") is None
    assert script_failure("") is None
    nested = (
        shown + "\nDuring handling of the above exception, another exception occurred:\n\n" + shown.replace("7", "9")
    )
    assert script_failure(nested).where == "a.py, line 9"  # type: ignore[union-attr]
    only_libraries = shown.replace("/step/code/a.py", "/x/site-packages/a.py")
    assert script_failure(only_libraries) is None


def test_what_a_script_says_after_a_traceback_is_quoted_too(tmp_path: Path) -> None:
    line = (
        "import sys, traceback\n    try: {}['x']\n    except KeyError: traceback.print_exc()\n    sys.exit('no column')"
    )
    message = message_of(tmp_path, line)
    assert "helper.py, line 4: KeyError: 'x'; " in message
    assert message.endswith("; its last words: no column")


def test_a_message_of_several_lines_is_cut_to_its_first() -> None:
    shown = '  File "/step/code/a.py", line 7, in f\n    g()\nRuntimeError: first\nsecond\n'
    assert str(script_failure(shown)) == "a.py, line 7: RuntimeError: first"


def test_an_error_that_is_not_known_has_no_advice() -> None:
    assert advice("ZeroDivisionError: division by zero") == ""
