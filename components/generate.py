"""Writes one folder a stage, `component.yaml` and README.md, from the stages' types.

    python components/generate.py                         writes them with the placeholder
    python components/generate.py --image NAME@sha256:…   writes them with another image

The image in the repository is a placeholder: a digest is known only when an image was built, so the pipeline's parameter
`image` replaces it when a run starts. `make components` runs this file and compiles the pipeline; a test fails on drift.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

from jinsu.lifecycle.parameters import INPUTS, LEFT, SUBMISSION, SUBMISSION_MEANING, Input, outputs
from jinsu.runs.stages import StageName

HERE = Path(__file__).parent
PLACEHOLDER = f"jinsu/platform@sha256:{'0' * 64}"
NOTICE = "# Written by components/generate.py; change the stage's types instead, then: make components\n"
EXAMPLES = {"submission": "digits-4f1c9a2b3d", "model": "digits", "trial": "0", "run_name": "kubeflow-7f3a"}


def meanings(kind: type[Any]) -> dict[str, str]:
    """The line of meaning below each member of an enum, or field of a dataclass, by the name in the source."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for named, below in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            target = named.targets[0] if isinstance(named, ast.Assign) else getattr(named, "target", None)
            if isinstance(target, ast.Name):
                found[target.id] = below.value.value
    return found


def what_it_does(stage: StageName) -> str:
    """The stage's line of meaning."""
    return meanings(StageName)[stage.name]


def output_meanings(stage: StageName) -> dict[str, str]:
    """The line of meaning of each output, by its name."""
    return {SUBMISSION.name: SUBMISSION_MEANING, **meanings(LEFT[stage])}


def component(stage: StageName, image: str) -> dict[str, Any]:
    """The stage as a component in Kubeflow's authoring format (v1)."""
    taken, left = INPUTS[stage], outputs(stage)
    meaning = output_meanings(stage)
    options = [word for item in taken for word in (item.option, {"inputValue": item.name})]
    written = [word for item in left for word in ("--write", item.name, {"outputPath": item.name})]
    return {
        "name": stage.value,
        "description": what_it_does(stage),
        "inputs": [input_of(item) for item in taken],
        "outputs": [{"name": item.name, "type": item.kind.value, "description": meaning[item.name]} for item in left],
        "implementation": {
            "container": {
                "image": image,
                "command": ["python", "-m", "jinsu.lifecycle", stage.value],
                "args": [*options, *written],
            }
        },
    }


def input_of(item: Input) -> dict[str, Any]:
    document = {"name": item.name, "type": item.kind.value, "description": item.meaning}
    return document if item.default is None else {**document, "default": item.default, "optional": True}


def component_text(stage: StageName, image: str) -> str:
    """The file component.yaml."""
    return NOTICE + yaml.safe_dump(component(stage, image), sort_keys=False, width=120, allow_unicode=True)


def page(stage: StageName) -> str:
    """The file README.md."""
    taken, left = INPUTS[stage], outputs(stage)
    meaning = output_meanings(stage)
    shown = [f"{item.option} {EXAMPLES[item.name]}" for item in taken if item.name in EXAMPLES]
    if stage is StageName.ADMIT:
        shown = [option for option in shown if not option.startswith("--submission")]
    lines = [
        f"# {stage}",
        what_it_does(stage),
        "    " + " ".join(["python -m jinsu.lifecycle", stage, *shown]),
        f"This process, Airflow's task and Kubeflow's component `{stage}` do the same: they call\n"
        f"`platform/jinsu/lifecycle/{stage}.py`. Doing the stage twice is safe. The process finds the platform through\n"
        "`$JINSU_HOME`, prints what it leaves as JSON, and ends with the exit codes of `jinsu --help`.",
        table("takes", [(item.name, item.kind, item.meaning, item.default) for item in taken]),
        table("leaves", [(item.name, item.kind, meaning[item.name], None) for item in left]),
    ]
    return "\n\n".join(lines) + "\n"


def table(verb: str, rows: list[tuple[str, str, str, str | None]]) -> str:
    def line(name: str, kind: str, meaning: str, default: str | None) -> str:
        usual = f" Default: `{default}`." if default else ""
        return f"| `{name}` | {kind} | {meaning}{usual} |"

    return "\n".join([f"| {verb} | type | meaning |", "|---|---|---|", *(line(*row) for row in rows)])


def files(image: str = PLACEHOLDER) -> dict[Path, str]:
    """Every generated file and its text."""
    found = {}
    for stage in StageName:
        found[HERE / stage / "component.yaml"] = component_text(stage, image)
        found[HERE / stage / "README.md"] = page(stage)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default=PLACEHOLDER, help="the platform's image by its digest: NAME@sha256:…")
    image = parser.parse_args().image
    if not re.fullmatch(r"[^\s@]+@sha256:[0-9a-f]{64}", image):
        sys.exit(f"--image {image}: name the image by its digest, NAME@sha256:…")
    for path, text in files(image).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
