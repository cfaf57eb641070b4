"""Models of code: from jinsu.save through packaging, evaluation and the server, each in a process that can reach nothing."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.support.live_models import live_service
from tests.support.waiting import until

from jinsu.errors import GateFailedError
from jinsu.files import file_digest
from jinsu.inference.python_package import package_any
from jinsu.inference.remote_model import RemoteModel, opened
from jinsu.packaging.contents import contents_digest, model_files, verify_contents
from jinsu.packaging.findings import PackageFindings
from jinsu.sdk.code_model import Code
from jinsu.sdk.mlflow_loader import _load_pyfunc
from jinsu.sdk.saving import example_of, save_model
from jinsu.serving.limits import Limits
from jinsu.serving.service import Service

ROWS = {"shop": np.array(["a", "b", "a", "c"], dtype=object), "price": np.array([1.0, 2.0, 3.0, 4.0], dtype=np.float32)}
MODEL = """
import json
import helper
import jinsu


class Demand:
    def load(self, files):
        self.weights = json.loads(files["weights"].read_text())

    def predict(self, rows):
        return helper.scaled(rows["price"], self.weights["factor"], rows["shop"])


jinsu.set_model(Demand())
"""
HELPER = """
import numpy as np


def scaled(prices, factor, shops):
    return (prices * factor + np.array([len(str(shop)) for shop in shops])).astype(np.float32)
"""


def written(folder: Path, model: str = MODEL) -> Code:
    """A folder as a researcher has it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(model)
    (folder / "helper.py").write_text(HELPER)
    (folder / "weights.json").write_text('{"factor": 2.0}')
    return Code(folder / "model.py", files={"weights": folder / "weights.json"})


def saved(tmp_path: Path, model: str = MODEL, rows: Any = ROWS) -> Path:
    code = written(tmp_path / "script", model)
    return save_model(tmp_path / "saved", code, example_of(rows, None, None, {}), outputs="value")


def packaged(tmp_path: Path, model: str = MODEL, rows: Any = ROWS, packages: Path | None = None) -> tuple[Path, PackageFindings]:
    found = package_any(saved(tmp_path, model, rows), packages, tmp_path / "package", 1e-4, 5000)
    return tmp_path / "package", found


def one_array(body: str) -> str:
    """A model whose `predict` takes one array of numbers."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return f"import jinsu\nimport numpy as np\n\n\nclass Model:\n    def predict(self, rows):\n{lines}\n\n\njinsu.set_model(Model())\n"


@contextmanager
def served(folder: Path, limits: Limits | None = None) -> Iterator[str]:
    """The address of a server of the package."""
    service = Service(folder, "m", "1", limits)
    try:
        with live_service(service) as port:
            yield f"http://127.0.0.1:{port}"
    finally:
        service.close()


def test_code_is_saved_with_its_answers_and_answers_the_same_from_the_package(tmp_path: Path) -> None:
    folder, found = packaged(tmp_path)
    manifest = json.loads((folder / "model.json").read_text())
    assert manifest["python"] == {"entry": "model.py", "files": {"weights": "0-weights.json"}}
    assert [(one["name"], one["dtype"]) for one in manifest["inputs"]] == [("shop", "string"), ("price", "float32")]
    assert not (folder / "model.onnx").exists()
    assert found.parity.largest_absolute == 0.0
    assert 0 < found.latency.p99_ms < 5000
    assert found.memory > 2**20
    with opened(folder) as model:
        (answers,) = model.run_all((ROWS["shop"], ROWS["price"]))
    assert answers.tolist() == [3.0, 5.0, 7.0, 9.0]


def test_the_digest_covers_the_code(tmp_path: Path) -> None:
    folder, _ = packaged(tmp_path)
    names = model_files(path.name for path in folder.iterdir())
    assert names == ["model.tar", "model.json", "probes.npz"]
    digest = contents_digest({name: file_digest(folder / name) for name in names})
    verify_contents(folder, digest)
    with (folder / "model.tar").open("r+b") as file:
        file.seek(600)
        file.write(b"#")
    with pytest.raises(GateFailedError, match="not those that were evaluated"):
        verify_contents(folder, digest)


def test_a_server_answers_with_it(tmp_path: Path) -> None:
    folder, _ = packaged(tmp_path)
    with served(folder) as url:
        body = {"dataframe_records": [{"price": 1.5, "shop": "abc"}, {"shop": "", "price": 0}]}
        assert httpx.post(f"{url}/invocations", json=body, timeout=30).json()["predictions"] == [6.0, 0.0]


def test_mlflow_loads_it(tmp_path: Path) -> None:
    folder, _ = packaged(tmp_path)
    assert _load_pyfunc(str(folder / "model.tar")).predict(ROWS).tolist() == [3.0, 5.0, 7.0, 9.0]


def test_packages_of_the_training_are_there_for_the_model_alone(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "rare_package").mkdir(parents=True)
    (tree / "rare_package" / "__init__.py").write_text("FACTOR = 3.0\n")
    archive = tmp_path / "packages.tar.gz"
    with tarfile.open(archive, "w:gz") as bundle:
        bundle.add(tree, arcname=".", filter=lambda member: member if member.isreg() else None)
        bundle.add(tree / "rare_package" / "__init__.py", arcname="rare_package/__init__.py")
    text = one_array("try:\n    from rare_package import FACTOR\nexcept ImportError:\n    FACTOR = 3.0\nreturn rows[:, 0] * FACTOR")
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    folder, _ = packaged(tmp_path, text.replace("try:", "try:"), rows, archive)
    assert (folder / "packages.tar.gz").is_file()
    needs = one_array("import rare_package\nreturn rows[:, 0] * rare_package.FACTOR")
    (tmp_path / "script" / "model.py").write_text(needs)
    with tarfile.open(folder / "model.tar", "w") as bundle:
        bundle.add(tmp_path / "script" / "model.py", arcname="code/model.py")
    with opened(folder) as model:
        assert model.run_all((rows,))[0].tolist() == [0.0, 6.0, 12.0, 18.0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("print('no model')", r"model.py names no model; end it with jinsu.set_model"),
        ("import not_there", r"model.py, line 1: ModuleNotFoundError: No module named 'not_there'"),
        (one_array("raise KeyError('x')"), r"model.py, line 7: predict: KeyError: 'x'"),
        (one_array("return 1"), r"predict answered output of int64\[\] to 4 rows"),
        (one_array("return rows[:2, 0]"), r"predict answered output of float32\[2\] to 4 rows"),
        (one_array("return {}"), r"predict answered nothing"),
        (one_array("raise SystemExit(3)"), r"predict: SystemExit: 3"),
    ],
)
def test_what_is_wrong_with_the_code_is_a_sentence_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SystemExit, match=sentence):
        saved(tmp_path, text, np.ones((4, 2), np.float32))


@pytest.mark.parametrize(
    ("what", "attempt"),
    [
        ("reads files of others", "open('/etc/passwd').read()"),
        ("lists the machine", "__import__('os').listdir('/')"),
        ("writes", "open('/tmp/jinsu-was-here', 'w')"),
        ("connects", "__import__('socket').create_connection(('127.0.0.1', 1))"),
        ("starts a program", "__import__('subprocess').run(['true'], check=True)"),
        ("kills", "__import__('os').kill(__import__('os').getppid(), 9)"),
    ],
)
def test_the_code_reaches_nothing_but_its_own_files(tmp_path: Path, what: str, attempt: str) -> None:
    """At a request the code tries; it answers 1 where it was refused."""
    text = one_array(
        f"if rows.max() < 100:\n    return rows[:, 0]\ntry:\n    {attempt}\nexcept (OSError, PermissionError):\n"
        "    return np.ones(len(rows), np.float32)\nreturn np.zeros(len(rows), np.float32)"
    )
    folder, _ = packaged(tmp_path, text, np.ones((4, 2), np.float32))
    with opened(folder) as model:
        (answers,) = model.run((np.full((1, 2), 200, np.float32),))
    assert answers.tolist() == [1.0], what


def test_other_answers_than_when_it_was_saved_are_refused(tmp_path: Path) -> None:
    text = one_array("import time\nreturn (rows[:, 0] + time.time_ns() % 1000003).astype(np.float32)")
    with pytest.raises(GateFailedError, match=r"the packaged model answers .* the original answered"):
        packaged(tmp_path, text, np.ones((4, 2), np.float32))


def test_a_slow_model_does_not_keep_its_budget(tmp_path: Path) -> None:
    text = one_array("import time\ntime.sleep(0.03)\nreturn rows[:, 0]")
    with pytest.raises(GateFailedError, match=r"serve\.max_latency_ms allows 20"):
        package_any(saved(tmp_path, text, np.ones((4, 2), np.float32)), None, tmp_path / "package", 1e-4, 20)


def test_a_model_that_dies_is_a_sentence(tmp_path: Path) -> None:
    text = one_array("import os\nif rows.max() > 100:\n    os._exit(3)\nreturn rows[:, 0]")
    folder, _ = packaged(tmp_path, text, np.ones((4, 2), np.float32))
    with opened(folder) as model, pytest.raises(GateFailedError, match="the model ended its process"):
        model.run((np.full((1, 2), 200, np.float32),))


def test_its_folder_goes_with_its_process(tmp_path: Path) -> None:
    folder, _ = packaged(tmp_path)
    model = RemoteModel(folder)
    place = Path(model._process._place.name)
    assert (place / "code" / "helper.py").is_file()
    model.close()
    assert not place.exists()


def test_an_endless_request_ends_alone(tmp_path: Path) -> None:
    text = one_array("while rows.max() > 100:\n    pass\nreturn rows[:, 0]")
    folder, _ = packaged(tmp_path, text, np.ones((4, 2), np.float32))
    with served(folder, Limits(run=0.3, grace=0.2)) as url:
        answer = httpx.post(f"{url}/invocations", json={"inputs": [[200, 1]]}, timeout=30)
        assert answer.status_code == 504, answer.text
        one = {"inputs": [[1, 1]]}
        until(lambda: httpx.post(f"{url}/invocations", json=one, timeout=30).status_code == 200, 60, "an answer")


def test_an_archive_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    folder, _ = packaged(tmp_path)
    with tarfile.open(folder / "model.tar", "w") as bundle:
        member = tarfile.TarInfo("../outside.py")
        bundle.addfile(member)
    with pytest.raises(GateFailedError, match="an archive holds plain files below its folder"):
        RemoteModel(folder)
