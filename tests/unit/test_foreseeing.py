"""What `jinsu check` says about a folder before anything of it runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jinsu.cli.foreseeing import Foreseen, Table, foresee, foresee_columns, foresee_metric
from jinsu.cli.script_facts import Script, read_script
from jinsu.cli.training_entry import training_entry
from jinsu.cli.training_packages import asked_packages
from jinsu.errors import BadInputError
from jinsu.spec.load import parse_spec

SPEC = "name: a\nproblem: {{dataset: d, metric: accuracy, min: 0.5}}\ntrain: {{command: python train.py, {more}}}\n"
GOOD = """\
import jinsu
import numpy as np

params = jinsu.params(lr=0.1)
columns = jinsu.dataset()
jinsu.log(accuracy=1.0)
jinsu.save(object(), example=columns["a"])
"""
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/model.yaml"))


def script_of(folder: Path, text: str, **files: str) -> Script:
    (folder / "train.py").write_text(text)
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content)
    return read_script(folder, training_entry(folder, "python train.py"))


def seen(folder: Path, text: str, more: str = "params: {lr: 1}", **files: str) -> list[Foreseen]:
    script = script_of(folder, text, **files)
    spec = parse_spec(SPEC.format(more=more))
    return list(foresee(script, spec, folder, asked_packages(spec, folder)))


def certain(found: list[Foreseen]) -> list[str]:
    return [one.text for one in found if one.certain]


def test_a_good_script_raises_no_doubt(tmp_path: Path) -> None:
    assert seen(tmp_path, GOOD) == []
    assert seen(tmp_path, GOOD, "params: {lr: 1}, trials: [{lr: 2}, {lr: 3}]") == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_raise_no_doubt(path: Path) -> None:
    spec = parse_spec(path.read_text())
    script = read_script(path.parent, training_entry(path.parent, spec.train.command))
    assert list(foresee(script, spec, path.parent, asked_packages(spec, path.parent))) == []
    assert list(foresee_metric(script, spec, "accuracy")) == []


# --- Files ---


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("python trian.py", "there is no trian.py in the folder; did you mean 'train.py'?"),
        ("python -u zzz", "there is no zzz in the folder; put it beside"),
        ("python", "names no script; write it like 'python train.py'"),
        ("python -m trainig", "there is no module 'trainig' in the folder, nor installed here"),
        ("python -m package", "package is a package without __main__.py"),
        ("bash run.sh", "there is no run.sh in the folder"),
        ("./run.sh", "there is no ./run.sh in the folder"),
        ("train.py", "'train.py' is no program of this machine"),
    ],
)
def test_a_command_whose_file_is_missing(tmp_path: Path, command: str, said: str) -> None:
    (tmp_path / "train.py").write_text(GOOD)
    (tmp_path / "package").mkdir()
    with pytest.raises(BadInputError) as refused:
        training_entry(tmp_path, command)
    assert said in str(refused.value)
    assert str(refused.value).startswith("train.command: ")


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("python train.py", "train.py"),
        ("python3.11 -u -W ignore train.py --x 1", "train.py"),
        ("/usr/bin/python3 train.py", "train.py"),
        ("python -m train", "train.py"),
        ("python -m package.main", "package/main.py"),
        ("python package", "package/__main__.py"),
        ("python -c 'print(1)'", None),
        ("python -m pip list", None),
        ("sh -c 'python train.py'", None),
        ("bash run.sh", None),
        ("./run.sh", None),
    ],
)
def test_the_file_that_a_command_starts(tmp_path: Path, command: str, path: str | None) -> None:
    (tmp_path / "package").mkdir()
    for name in ("train.py", "run.sh", "package/main.py", "package/__main__.py"):
        (tmp_path / name).write_text("")
    assert training_entry(tmp_path, command).path == (tmp_path / path if path else None)


@pytest.mark.parametrize(
    "text", ["x = " + "-" * 200_000 + "1", "a." * 50_000 + "b", "x = 1" + " + 1" * 100_000, "# é" * 800_000]
)
def test_a_file_that_nobody_can_read_proves_nothing(tmp_path: Path, text: str) -> None:
    (found,) = seen(tmp_path, "import jinsu, helper\njinsu.params(lr=1)\n", helper=text)
    assert not found.certain
    assert "the script never calls jinsu.save" in found.text


def test_a_large_folder_is_listed_once_and_read_as_far_as_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [f"part_{number}" for number in range(300)]:
        (tmp_path / f"{name}.py").write_text("import jinsu\n")
    (tmp_path / ".venv" / "no_such_hidden").mkdir(parents=True)
    (tmp_path / ".venv" / "no_such_hidden" / "module.py").write_text("")
    listed, walk = [], os.walk

    def counted(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        listed.append(folder)
        yield from walk(folder)

    monkeypatch.setattr("os.walk", counted)
    imports = "".join(f"import missing_{number}\n" for number in range(20))
    said = certain(seen(tmp_path, f"{GOOD}import part_0, no_such_hidden\n{imports}"))
    assert len(said) == 21
    assert len(listed) == 1


def test_a_file_that_is_no_python(tmp_path: Path) -> None:
    assert certain(seen(tmp_path, "import jinsu\nx = (\n")) == ["train.py, line 2: '(' was never closed."]
    assert certain(seen(tmp_path, GOOD + "import helper\n", helper="def f(:\n")) == [
        "helper.py, line 1: invalid syntax."
    ]
    assert seen(tmp_path, GOOD, unused="def f(:\n") == []
    assert certain(seen(tmp_path, "import jinsu\0\n")) == ["train.py: source code string cannot contain null bytes."]


# --- Packages ---


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    (said,) = certain(seen(tmp_path, GOOD + "import no_such_package.part\n"))
    assert said.startswith("train.py, line 8: imports no_such_package, which is no file of the folder")
    (said,) = certain(seen(tmp_path, GOOD + "from helper import x\n", helper="from no_such_package import x\n"))
    assert said.startswith("helper.py, line 1: imports no_such_package")


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import no_such_package\nexcept ImportError:\n    pass\n",
        "def f():\n    import no_such_package\n",
        "if False:\n    import no_such_package\n",
    ],
)
def test_a_package_that_may_never_be_imported_is_a_doubt(tmp_path: Path, text: str) -> None:
    (found,) = seen(tmp_path, GOOD + text)
    assert not found.certain


def test_a_module_of_the_folder_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "src" / "ours").mkdir(parents=True)
    (tmp_path / "src" / "ours" / "__init__.py").write_text("")
    (tmp_path / "src" / "mine.py").write_text("")
    assert seen(tmp_path, GOOD + "import sys\nsys.path.append('src')\nimport ours, mine\n") == []


def test_packages_that_the_folder_asks_for(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("no-such.package>=1\nPillow\nPyYAML\n")
    assert seen(tmp_path, GOOD + "import no_such_package, PIL, yaml\n") == []
    (found,) = seen(tmp_path, GOOD + "import another_package\n")
    assert not found.certain
    assert found.text.startswith("train.py, line 8: imports another_package, which no line of requirements.txt names")
    spec = "params: {lr: 1}, requirements: null"
    (said,) = certain(seen(tmp_path, GOOD + "import no_such_package\n", spec))
    assert said.endswith("write no-such-package into requirements.txt beside model.yaml.")


def test_a_package_that_only_this_machine_has_is_a_doubt(tmp_path: Path) -> None:
    (found,) = seen(tmp_path, GOOD + "import fastapi\n")
    assert (found.certain, "no part of what every training has; write fastapi" in found.text) == (False, True)
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    assert seen(tmp_path, GOOD + "import fastapi\n") == []
    assert seen(tmp_path, GOOD + "import numpy, pandas, sklearn.svm, torch, typing_extensions, dateutil, yaml\n") == []


def test_an_image_brings_packages_that_nobody_here_knows(tmp_path: Path) -> None:
    image = f"params: {{lr: 1}}, image: 'registry.example/own@sha256:{'0' * 64}'"
    assert seen(tmp_path, GOOD + "import no_such_package\n", image) == []
    (tmp_path / "requirements.txt").write_text("numpy\n")
    with pytest.raises(BadInputError, match="which an image does not read"):
        seen(tmp_path, GOOD, image)


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("-r other.txt\n", "", "requirements.txt: line 1: '-r other.txt' is an option of pip"),
        ("numpy<1.5\n", "", "requirements.txt: line 1: numpy<1.5: trainings have numpy "),
        ("", ", requirements: needs.txt", "train.requirements: the folder has no file 'needs.txt'."),
    ],
)
def test_requirements_that_are_refused_before_anything_is_asked(
    tmp_path: Path, text: str, more: str, said: str
) -> None:
    (tmp_path / "requirements.txt").write_text(text)
    with pytest.raises(BadInputError) as refused:
        seen(tmp_path, GOOD, "params: {lr: 1}" + more)
    assert str(refused.value).startswith(said)


def test_relative_imports_are_followed(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    for name, text in {
        "__init__": "",
        "main": "from .part import save\n",
        "part": "from jinsu import save\nx = (\n",
    }.items():
        (tmp_path / "pkg" / f"{name}.py").write_text(text)
    script = read_script(tmp_path, training_entry(tmp_path, "python -m pkg.main"))
    assert script.broken == ["pkg/part.py, line 2: '(' was never closed."]


# --- The SDK ---


@pytest.mark.parametrize(
    "how", ["import jinsu\njinsu.{}", "import jinsu as j\nj.{}", "from jinsu import *\nimport jinsu\njinsu.{}"]
)
def test_a_call_that_the_sdk_does_not_know(tmp_path: Path, how: str) -> None:
    said = certain(seen(tmp_path, GOOD + how.format("svae(1)")))
    assert len(said) == 1
    assert said[0].endswith("jinsu has no 'svae'; did you mean 'save'?")
    (said,) = [certain(seen(tmp_path, GOOD + how.format("save(1, exampel=2)")))]
    assert "jinsu.save() takes no 'exampel'; did you mean 'example'?" in said[0]
    assert "jinsu.save() needs example." in said[1]


def test_parameters_that_the_script_does_not_read(tmp_path: Path) -> None:
    (said,) = certain(seen(tmp_path, GOOD, "params: {lrr: 1}"))
    assert said == "train.params: lrr: train.py, line 4 does not read it; it reads lr."
    (said,) = certain(seen(tmp_path, GOOD, "params: {lr: 1}, trials: [{size: 1, depth: 2}]"))
    assert said == "train.params: depth, size: train.py, line 4 does not read them; it reads lr."
    assert seen(tmp_path, GOOD.replace("lr=0.1", "**{'lr': 1}"), "params: {lrr: 1}") == []
    (found,) = seen(tmp_path, GOOD.replace("params = jinsu.params(lr=0.1)", ""))
    assert (found.certain, "never calls jinsu.params" in found.text) == (False, True)


def test_a_script_that_never_saves(tmp_path: Path) -> None:
    lines = [line for line in GOOD.splitlines() if "save" not in line]
    (said,) = certain(seen(tmp_path, "\n".join(lines)))
    assert said.startswith("the script never calls jinsu.save")
    for more in ("import subprocess", "exec('x')", "print(getattr(jinsu, 'save'))", "jinsu.out_dir()"):
        (found,) = seen(tmp_path, "\n".join([*lines, more]))
        assert not found.certain, more
    assert (
        seen(tmp_path, "\n".join([*lines, "from helper import keep"]), helper="import jinsu as j\nkeep = j.save\n")
        == []
    )


def test_a_metric_that_trials_do_not_log(tmp_path: Path) -> None:
    trials = "trials: [{lr: 1}, {lr: 2}]"
    lacking = GOOD.replace("accuracy=1.0", "loss=1.0")
    (said,) = certain(seen(tmp_path, lacking, trials))
    assert "call jinsu.log(accuracy=…)" in said
    assert seen(tmp_path, lacking, "params: {}") == []
    assert seen(tmp_path, GOOD.replace("accuracy=1.0", "**{'accuracy': 1}"), trials) == []
    assert seen(tmp_path, GOOD.replace("jinsu.log(accuracy=1.0)", "report = jinsu.log"), trials) == []


# --- Columns ---

TABLE = Table(
    "d@1",
    {"title": "string", "price": "double", "size": "int64", "label": "string"},
    "label",
    ("title", "price", "size"),
)
HEAD = "import jinsu, torch\nimport numpy as np\ncolumns = jinsu.dataset()\n"


def columns_seen(folder: Path, text: str, table: Table = TABLE) -> list[str]:
    return certain(list(foresee_columns(script_of(folder, HEAD + text), table)))


def test_a_column_that_the_dataset_does_not_have(tmp_path: Path) -> None:
    assert columns_seen(tmp_path, "y = columns['lable']") == [
        "train.py, line 4: d@1 has no column 'lable'; did you mean 'label'?"
    ]
    assert columns_seen(tmp_path, "def f():\n    return columns['zzz']") == [
        "train.py, line 5: d@1 has no column 'zzz'; it has title, price, size, label."
    ]


@pytest.mark.parametrize(
    "text",
    [
        "columns['new'] = 1\ny = columns['new']",
        "if 'new' in columns:\n    y = columns['new']",
        "columns = dict(columns)\ny = columns['new']",
        "def f(columns):\n    return columns['new']",
        "for columns in []:\n    pass\ny = columns['new']",
        "y = columns['label']",
        "y = other['new']",
    ],
)
def test_a_column_that_the_script_may_have_made(tmp_path: Path, text: str) -> None:
    assert columns_seen(tmp_path, text) == []


@pytest.mark.parametrize(
    "example",
    [
        "np.column_stack([columns['price']]).astype('float32')[:64]",
        "x",
        "x[:64].numpy()",
        "torch.from_numpy(x)[:5]",
        "frame.to_numpy()",
    ],
)
def test_mixed_columns_for_one_input(tmp_path: Path, example: str) -> None:
    (said,) = columns_seen(tmp_path, f"x = np.asarray(columns['price'])\njinsu.save(m, example={example})")
    assert "cannot stand side by side in one: title (string), price (double), size (int64)" in said
    assert "example={'title': …, 'price': …}" in said


@pytest.mark.parametrize(
    "call",
    [
        "jinsu.save(m, example={'title': columns['title'], 'price': columns['price']})",
        "jinsu.save(m, example=frame[:64])",
        "jinsu.save(m, example=rows)",
        "jinsu.save(m, example=np.zeros((2, 2)), columns=['price', 'size'])",
        "jinsu.save(m, **options)",
    ],
)
def test_what_may_be_several_inputs(tmp_path: Path, call: str) -> None:
    assert columns_seen(tmp_path, call) == []


def test_one_array_of_numbers_is_fine(tmp_path: Path) -> None:
    numbers = Table("d@1", TABLE.types, "label", ("price", "size"))
    text = Table("d@1", TABLE.types, "label", ("title",))
    for table in (numbers, text):
        assert columns_seen(tmp_path, "jinsu.save(m, example=np.zeros((2, 2)))", table) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = np.column_stack([columns['price'], columns['label']]).astype('float32')\njinsu.save(m, example=x[:64])",
        "parts = [columns['price'], columns['label']]\nx = np.column_stack(parts)\njinsu.save(m, example=torch.tensor(x))",
        "frame = DataFrame(columns)\nx = frame[['price', 'label']].to_numpy()\njinsu.save(m, example=x)",
    ],
)
def test_a_target_that_stands_in_the_only_array(tmp_path: Path, text: str) -> None:
    numbers = Table("d@1", {"price": "double", "size": "int64", "label": "int64"}, "label", ("price", "size"))
    (said,) = columns_seen(tmp_path, text, numbers)
    assert "the model takes 'label', the target of the problem" in said


@pytest.mark.parametrize(
    "text",
    [
        "x = np.column_stack([columns['price'], columns['label']])\njinsu.save(m, example=x[:, :1])",
        "x = np.asarray(columns['price'])[columns['label'] > 0]\njinsu.save(m, example=x)",
        "x = frame.drop(columns=['label']).to_numpy()\njinsu.save(m, example=x)",
        "y = np.asarray(columns['label'])\nx = np.asarray(columns['price'])\njinsu.save(m, example=x)",
    ],
)
def test_a_target_that_no_array_of_the_model_holds(tmp_path: Path, text: str) -> None:
    numbers = Table("d@1", {"price": "double", "size": "int64", "label": "int64"}, "label", ("price", "size"))
    assert columns_seen(tmp_path, text, numbers) == []


def test_a_target_among_the_features(tmp_path: Path) -> None:
    (said,) = columns_seen(tmp_path, "jinsu.save(m, example={'title': t, 'label': y})")
    assert "the model takes 'label', the target of the problem" in said
    (said,) = columns_seen(tmp_path, "jinsu.save(m, example=x, columns=['price', 'label'])")
    assert "the model takes 'label', the target of the problem" in said
    (said,) = columns_seen(tmp_path, "jinsu.save(m, example={'title': t, 'prise': y})")
    assert "the model takes 'prise', which is no feature of the problem; did you mean 'price'?" in said
