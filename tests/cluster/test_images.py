"""Every image does its work as Kubernetes runs it for us: as nobody special, on a root that cannot be written."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.cluster.harness.clusters import TARGETS
from tests.cluster.harness.debian import run
from tests.cluster.harness.images import ROOT, built

pytestmark = pytest.mark.slow
PYTHON = ("runtime", "trainer", "platform")
_CACHES = ("root/.cache", "tmp", "var/cache/apt/archives", "var/lib/apt/lists", "wheels")

Inside = Callable[..., str]


class Image:
    """An image's files, and what it says of itself."""

    def __init__(self, name: str) -> None:
        self._container = run("buildah", "from", "--pull-never", name).strip()
        self.files = Path(run("buildah", "mount", self._container).strip())
        self.config = json.loads(run("buildah", "inspect", "--type", "image", name))["OCIv1"]["config"]

    def remove(self) -> None:
        run("buildah", "rm", self._container)


@pytest.fixture(scope="module")
def images(own_node: None) -> Iterator[dict[str, Image]]:
    found = {target: Image(name) for target, name in built(TARGETS).items()}
    yield found
    for image in found.values():
        image.remove()


@pytest.fixture
def inside(images: dict[str, Image], tmp_path: Path) -> Inside:
    """Runs a command in an image: its own user, no capability, only /tmp to write to."""

    def execute(target: str, *command: str, mounted: Path | None = None) -> str:
        image, bundle = images[target], tmp_path / uuid4().hex
        bundle.mkdir()
        run("runc", "spec", "--bundle", str(bundle))
        spec = json.loads((bundle / "config.json").read_text())
        spec["root"] = {"path": str(image.files), "readonly": True}
        uid, gid = map(int, image.config["User"].split(":"))
        spec["process"] |= {"terminal": False, "args": command, "env": image.config["Env"], "cwd": "/tmp"}
        spec["process"] |= {"user": {"uid": uid, "gid": gid}, "capabilities": {}, "noNewPrivileges": True}
        spec["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})
        if mounted:
            options = ["bind", "ro"]
            spec["mounts"].append({"destination": "/mnt", "type": "bind", "source": str(mounted), "options": options})
        (bundle / "config.json").write_text(json.dumps(spec))
        done = subprocess.run(
            ["runc", "run", "--bundle", str(bundle), f"jinsu-test-{bundle.name}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    return execute


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_says_what_it_is_and_runs_as_nobody_special(images: dict[str, Image], target: str) -> None:
    config = images[target].config
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.title"] == f"jinsu-{target}"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


@pytest.mark.parametrize("target", TARGETS)
def test_no_file_lends_its_owners_rights(images: dict[str, Image], target: str) -> None:
    assert run("find", str(images[target].files), "-type", "f", "-perm", "/6000") == ""


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_has_no_leftovers(images: dict[str, Image], target: str) -> None:
    files = images[target].files
    assert [place for place in _CACHES if (files / place).is_dir() and any((files / place).iterdir())] == []
    assert (
        run("find", str(files), "-name", "*.whl", "-not", "-path", "*/ensurepip/*", "-not", "-path", "*/share/*") == ""
    )


@pytest.mark.parametrize("target", PYTHON)
def test_only_tmp_can_be_written(inside: Inside, target: str) -> None:
    script = """
import os, pathlib
pathlib.Path("/tmp/file").write_text("written")
refused = 0
for place in ("/", "/opt/jinsu", "/var", "/etc"):
    try:
        pathlib.Path(place, "file").write_text("written")
    except OSError:
        refused += 1
print(os.getuid(), os.getgid(), pathlib.Path.home(), refused)
"""
    assert inside(target, "python", "-c", script) == "10001 10001 /tmp 4\n"


@pytest.mark.parametrize("target", PYTHON)
def test_every_module_of_ours_is_compiled(images: dict[str, Image], target: str) -> None:
    source = images[target].files / "opt" / "jinsu" / "platform" / "jinsu"
    modules = {path.relative_to(source) for path in source.rglob("*.py")}
    compiled = {p.relative_to(source).parent.parent / f"{p.name.partition('.')[0]}.py" for p in source.rglob("*.pyc")}
    assert modules == compiled
    assert Path("steps", "runner.py") in modules


@pytest.mark.parametrize(
    ("target", "absent"),
    [
        ("runtime", ["airflow", "kubernetes", "mlflow", "pandas", "pip", "torch"]),
        ("trainer", ["airflow", "boto3", "botocore", "kubernetes", "mlflow", "pip"]),
        ("platform", ["pip", "supervisor", "torch"]),
    ],
)
def test_what_an_image_must_not_have(inside: Inside, target: str, absent: list[str]) -> None:
    script = f"import importlib.util; print([name for name in {absent} if importlib.util.find_spec(name)])"
    assert inside(target, "python", "-c", script) == "[]\n"


@pytest.mark.parametrize(
    ("target", "modules"),
    [
        ("runtime", ["boto3", "httptools", "onnxruntime", "uvicorn", "uvloop"]),
        ("runtime", ["jinsu.objects", "jinsu.serving", "jinsu.settings", "jinsu.spec", "jinsu.steps"]),
        ("trainer", ["onnx", "onnxscript", "pandas", "pyarrow.parquet", "sklearn", "torch"]),
        ("trainer", ["jinsu.confined.evaluate", "jinsu.confined.package", "jinsu.inference", "jinsu.serving"]),
        (
            "trainer",
            [
                "jinsu.sdk.columns",
                "jinsu.sdk.flavours.torch_module",
                "jinsu.sdk.saving",
                "jinsu.sdk.script",
                "jinsu.spec.quantities",
                "jinsu.steps.runner",
            ],
        ),
        ("platform", ["airflow", "deltalake", "great_expectations", "kubernetes", "mlflow.server.auth"]),
        ("platform", ["alembic", "asyncpg", "envoy", "nanio", "onnx", "onnxruntime", "psycopg", "sklearn.metrics"]),
        ("platform", ["jinsu"]),
    ],
)
def test_what_an_image_needs_is_there(inside: Inside, target: str, modules: list[str]) -> None:
    """Ours with every module in them."""
    script = f"""
import importlib, pkgutil
for name in {modules}:
    module = importlib.import_module(name)
    if name.startswith("jinsu"):
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
            importlib.import_module(found.name)
"""
    inside(target, "python", "-c", script)


def test_an_example_trains_and_exports(inside: Inside) -> None:
    script = "cd /tmp && python /mnt/train.py && ls jinsu-out/model"
    said = inside("trainer", "sh", "-c", script, mounted=ROOT / "examples" / "digits")
    assert "model.onnx" in said


def test_the_platform_has_its_dags_examples_and_command(inside: Inside) -> None:
    assert "lifecycle.py" in inside("platform", "ls", "/opt/jinsu/dags")
    assert "model.yaml" in inside("platform", "ls", "/opt/jinsu/examples/digits")
    assert "submit" in inside("platform", "jinsu", "--help")
    assert "3." in inside("platform", "airflow", "version")


def test_the_gateway_is_envoy(inside: Inside) -> None:
    assert "/1.40" in inside("gateway", "/usr/local/bin/envoy", "--version")
    inside("gateway", "sleep", "0.01")
