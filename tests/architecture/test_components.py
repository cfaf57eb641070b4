"""components/ is what its generator writes, and Kubeflow's SDK loads and compiles it to the pipeline that is published."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from tests.support.kubeflow_pipeline import Pipeline, containers

from jinsu.lifecycle.parameters import INPUTS, LEFT, outputs
from jinsu.runs.stages import StageName

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "components"
COMPILED = COMPONENTS / "pipeline.yaml"


def run(*command: str | Path) -> str:
    """What the command prints; it must succeed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_components", COMPONENTS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kfp() -> Path:
    """Python with Kubeflow's SDK, in the environment that `make kfp` makes once."""
    run("make", "--silent", "kfp")
    return ROOT / ".venv" / "kfp" / "bin" / "python"


# --- What the generator writes ---


def test_every_component_is_what_its_stage_s_types_say(generator: ModuleType) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in generator.files()}
    assert texts == generator.files(), "run: make components"


def test_a_stage_s_folder_holds_two_files_and_nothing_else(generator: ModuleType) -> None:
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "components").splitlines()
    inside = {ROOT / name for name in listed if (ROOT / name).is_file() and (ROOT / name).parent != COMPONENTS}
    assert inside == set(generator.files())


def test_everything_that_a_component_takes_and_leaves_has_a_meaning(generator: ModuleType) -> None:
    for stage in StageName:
        document = generator.component(stage, generator.PLACEHOLDER)
        assert document["description"]
        for item in (*document["inputs"], *document["outputs"]):
            assert len(item["description"]) > 10, (stage, item["name"])
        assert set(generator.meanings(LEFT[stage])) == {output.name for output in outputs(stage)} - {"submission"}


def test_another_image_is_put_in_by_its_digest_only(generator: ModuleType) -> None:
    image = f"images.example.com/jinsu/platform@sha256:{'a' * 64}"
    for path, text in generator.files(image).items():
        if path.name == "component.yaml":
            assert yaml.safe_load(text)["implementation"]["container"]["image"] == image


@pytest.mark.parametrize("image", ["jinsu/platform", "jinsu/platform:0.1.0", "jinsu/platform@sha256:abc"])
def test_an_image_without_a_digest_is_refused(image: str) -> None:
    done = subprocess.run(
        [sys.executable, COMPONENTS / "generate.py", "--image", image], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "NAME@sha256" in done.stderr


# --- What Kubeflow's SDK makes of them ---

LOAD = """
import json, sys
from kfp import components
found = {}
for path in sys.argv[1:]:
    spec = components.load_component_from_file(path).component_spec
    found[path] = [sorted(spec.inputs or {}), sorted(spec.outputs or {})]
print(json.dumps(found))
"""


def test_kubeflow_s_sdk_loads_every_component(kfp: Path) -> None:
    paths = {str(COMPONENTS / stage / "component.yaml"): stage for stage in StageName}
    loaded = json.loads(run(kfp, "-c", LOAD, *paths))
    for path, stage in paths.items():
        names = [sorted(item.name for item in INPUTS[stage]), sorted(item.name for item in outputs(stage))]
        assert loaded[path] == names


def test_the_published_pipeline_is_what_kubeflow_s_sdk_compiles(kfp: Path, tmp_path: Path) -> None:
    run(kfp, COMPONENTS / "pipeline.py", "--out", tmp_path / "pipeline.yaml")
    assert (tmp_path / "pipeline.yaml").read_text() == COMPILED.read_text(), "run: make components"


def test_a_private_authority_is_mounted_where_the_settings_name_it(kfp: Path, tmp_path: Path) -> None:
    run(kfp, COMPONENTS / "pipeline.py", "--ca", "my-authority", "--out", tmp_path / "pipeline.yaml")
    for one in containers(Pipeline.read(tmp_path / "pipeline.yaml"), model="digits", user="jane"):
        assert one.config_maps["/etc/jinsu-ca"] == "my-authority"


def test_the_pipeline_is_the_lifecycle() -> None:
    stages = [one.command[3] for one in containers(Pipeline.read(COMPILED), model="digits", user="jane")]
    assert stages == list(StageName)


def test_the_pipeline_asks_for_what_admit_takes() -> None:
    """But for `submission`, which Airflow's runs have, and for the run's name, which Kubeflow gives."""
    inputs = Pipeline.read(COMPILED).spec["root"]["inputDefinitions"]["parameters"]
    taken = {item.name for item in INPUTS[StageName.ADMIT]} - {"submission", "run_name"}
    assert {"model", "problem", "train_params", "user", "team"} == taken
    assert set(inputs) == {*taken, "image", "installation"}
    assert [name for name, one in inputs.items() if not one.get("description")] == []


def test_a_stage_leaves_its_outputs_where_kubeflow_looks() -> None:
    for one in containers(Pipeline.read(COMPILED), model="digits", user="jane"):
        pairs = [one.command[at + 1 : at + 3] for at, word in enumerate(one.command) if word == "--write"]
        assert pairs == [
            (output.name, f"/tmp/kfp/outputs/{output.name}") for output in outputs(StageName(one.command[3]))
        ]
        assert set(one.outputs) == {name for name, _ in pairs}


def test_the_lock_of_kubeflow_s_sdk_holds_exact_versions_and_no_address(kfp: Path) -> None:
    lines = (COMPONENTS / "kfp.lock").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[0-9][\w.!]*", line)] == []
    assert {"kfp==2.17.3", "kfp-kubernetes==2.17.3"} <= set(lines)
    run(kfp, "-m", "pip", "check")
