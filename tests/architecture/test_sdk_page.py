"""docs/sdk.md is what the docstrings say, `help(jinsu)` shows the same, and the script in front of both runs."""

import inspect
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.architecture import sdk_page

import jinsu
from jinsu import sdk

NAMES = dir(sdk)


def test_the_page_is_what_the_docstrings_say() -> None:
    assert sdk_page.PAGE.read_text(encoding="utf-8") == sdk_page.page(), "run: make docs"


@pytest.mark.parametrize("name", NAMES)
def test_help_and_the_page_explain_what_a_script_may_call(name: str) -> None:
    shown = pydoc.render_doc(jinsu, renderer=pydoc.plaintext)
    assert re.search(rf"^ +(class )?{name}\(", shown, re.MULTILINE), name
    assert f"## `jinsu.{name}`" in sdk_page.page()
    assert inspect.getdoc(getattr(jinsu, name))


def test_the_script_of_the_page_runs_and_saves_a_model(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shops = generator.choice(["north", "east", "west"], 200)
    price = generator.uniform(1, 9, 200)
    pq.write_table(pa.table({"shop": shops, "price": price, "sold": 10 - price}), tmp_path / "sales.parquet")
    script = sdk_page.page().split("```python\n", 1)[1].split("\n```", 1)[0]
    (tmp_path / "train.py").write_text(script)
    platform = str(Path(jinsu.__file__).parents[1])
    subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, env={"PYTHONPATH": platform}, check=True, timeout=120
    )  # fmt: skip
    assert (tmp_path / "jinsu-out" / "model" / "model.onnx").is_file()
