"""What a training script imports: the standard library is enough until a function needs arrays or a framework."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import jinsu
from jinsu.sdk.step_files import STEP_DIR_VARIABLE, StepFiles

PLATFORM = Path(jinsu.__file__).parents[1]
SDK_MODULES = sorted(path.stem for path in (PLATFORM / "jinsu" / "sdk").glob("*.py") if path.stem != "__init__")

# Python without site-packages: numpy, pyarrow, torch and onnx are not there.
BARE = [sys.executable, "-S", "-c"]

SCRIPT = """
import sys
import jinsu

print(sorted(vars(jinsu.params(epochs=5, lr=0.1)).items()))
jinsu.log(step=3, loss=0.25, worst=float("inf"))
(jinsu.out_dir() / "model").write_text("weights")
print(jinsu.load_checkpoint())
jinsu.save_checkpoint({"weights": [1.5, 2.5]}, step=3)
print(jinsu.load_checkpoint())
print([name for name in ("numpy", "pyarrow", "torch", "onnx") if name in sys.modules])
"""


@pytest.fixture
def files(tmp_path: Path) -> StepFiles:
    """The folder of a step whose parameters were brought, as a runner leaves it to the script."""
    files = StepFiles(tmp_path / "step")
    for folder in (files.code, files.out, files.checkpoints):
        folder.mkdir(parents=True)
    files.params.write_text(json.dumps({"epochs": 8}))
    return files


def run_bare(script: str, folder: Path, **variables: str) -> list[str]:
    """The lines that a script prints when only the standard library and Jinsu are there."""
    environment = {"PYTHONPATH": str(PLATFORM), "PATH": os.environ["PATH"], **variables}
    ended = subprocess.run([*BARE, script], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.parametrize("module", SDK_MODULES)
def test_each_module_can_be_imported_with_the_standard_library_alone(module: str, tmp_path: Path) -> None:
    assert run_bare(f"import jinsu.sdk.{module}; print('imported')", tmp_path) == ["imported"]


def test_a_script_without_arrays_runs_with_the_standard_library_alone(files: StepFiles) -> None:
    printed = run_bare(SCRIPT, files.code, **{STEP_DIR_VARIABLE: str(files.root)})

    assert printed == ["[('epochs', 8), ('lr', 0.1)]", "None", "({'weights': [1.5, 2.5]}, 3)", "[]"]
    assert (files.out / "model").read_text() == "weights"
    points = [json.loads(line) for line in files.metrics.read_text().splitlines()]
    assert [(point["name"], point["value"], point["step"]) for point in points] == [
        ("loss", 0.25, 3),
        ("worst", "inf", 3),
    ]


def test_the_same_script_runs_alone(tmp_path: Path) -> None:
    printed = run_bare(SCRIPT, tmp_path)

    assert printed == ["[('epochs', 5), ('lr', 0.1)]", "None", "None", "[]"]  # alone, every start is a first one
    kept = StepFiles(tmp_path / "jinsu-out")
    assert (kept.root / "model").read_text() == "weights"
    assert len(kept.metrics.read_text().splitlines()) == 2
    assert (kept.checkpoints / "last.pt").is_file()


def test_a_script_with_torch_keeps_tensors(files: StepFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv(STEP_DIR_VARIABLE, str(files.root))
    weights = torch.arange(3.0)
    jinsu.save_checkpoint({"weights": weights}, step=7)

    state, step = jinsu.load_checkpoint()
    assert step == 7
    assert torch.equal(state["weights"], weights)


KEEP = """
import jinsu

state = {state!r}
jinsu.save_checkpoint(state, step=1)
print(jinsu.load_checkpoint() == (state, 1))
"""


@pytest.mark.parametrize("state", [{"archive": b"PK\x03\x04 PK\x05\x06" + bytes(18)}, [], None, "text"], ids=str)
def test_a_checkpoint_without_torch_may_hold_anything(state: object, files: StepFiles) -> None:
    assert run_bare(KEEP.format(state=state), files.code, **{STEP_DIR_VARIABLE: str(files.root)}) == ["True"]
    assert [path.name for path in files.checkpoints.iterdir()] == ["last.pt"]
