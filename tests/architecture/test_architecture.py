"""What must stay true of the repository as a whole: who imports whom, what a DAG file may do, what is published."""

import ast
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import pytest

from jinsu.cli.main import cli
from jinsu.spec.reference import reference_page, schema_text

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
HEAVY = ("torch", "mlflow", "great_expectations", "kubernetes", "boto3")
TASKS = ("admit", "validate_data", "train", "package", "evaluate", "register", "review", "canary", "promote")
DAG_FILES = sorted((ROOT / "dags").rglob("*.py"))


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """What the command prints; it must succeed."""
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, **(environment or {})}
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout


@lru_cache
def tracked() -> tuple[Path, ...]:
    """Every file that is, or could be, committed."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return tuple(ROOT / name for name in listed if (ROOT / name).is_file())


# --- The source tree ---


def test_the_platform_of_the_standard_library_is_not_shadowed() -> None:
    assert run(sys.executable, "-c", "import platform; print(platform.system())").strip() in ("Linux", "Darwin")
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert [path for path in tracked() if path.name == "platform.py" and path.parent in (ROOT, ROOT / "platform")] == []


def test_rooms_build_on_each_other_in_one_direction() -> None:
    assert "0 broken" in run(BIN / "lint-imports")


def modules() -> Iterator[Path]:
    for path in tracked():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("platform", "dags", "components", "examples"):
            yield path


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in modules() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []


# --- DAG files ---

READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
print(json.dumps({
    "errors": bag.import_errors,
    "dags": {
        name: {
            "doc": dag.doc_md, "schedule": str(dag.schedule), "display": dag.dag_display_name,
            "active": dag.max_active_runs,
            "native": dag.render_template_as_native_obj,
            "params": {key: {"title": p.schema.get("title"), "description": p.description, "type": p.schema.get("type"),
                             "section": p.schema.get("section"), "value": p.value}
                       for key, p in ((key, dag.params.get_param(key)) for key in dag.params)},
            "tasks": {
                task.task_id: {
                    "after": sorted(task.downstream_task_ids), "mapped": task.is_mapped, "display": task.task_display_name,
                    "retries": task.retries, "templated": list(task.template_fields), "pool": task.pool,
                }
                for task in dag.tasks
            },
        }
        for name, dag in bag.dags.items()
    },
}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow reads from `dags/`, on a platform with a team beside the first one."""
    home = tmp_path_factory.mktemp("home")
    (home / "catalog.json").write_text(json.dumps({"teams": {"shopping": team_with(models=1)}}))
    printed = run(sys.executable, "-c", READ, ROOT / "dags", environment=airflow(home))
    document: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return document


def team_with(models: int, codes: int = 1) -> dict[str, Any]:
    """A team in the catalog with so many models, each of which was submitted so many times."""
    params = {"epochs": 5, "lr": 0.001, "augment": True, "optimizer": "adam"}
    return {
        "problems": ["categories"],
        "codes": [
            {
                "model": f"titles{model}",
                "problem": "categories",
                "digest": f"{model * codes + code:064x}",
                "by": "mira",
                "at": 1764000000.0 - code,
                "params": params,
            }
            for code in range(codes)
            for model in range(models)
        ],
    }


def airflow(home: Path) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home / "airflow"),
        "JINSU_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }


def test_dags_are_read_without_an_error(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert set(bag["dags"]) == {"lifecycle", "lifecycle-shopping"}, "one for each team"


def test_every_team_has_the_same_lifecycle(bag: dict[str, Any]) -> None:
    one, other = bag["dags"]["lifecycle"], bag["dags"]["lifecycle-shopping"]

    assert one["tasks"] == other["tasks"]
    assert (one["display"], other["display"]) == ("Model lifecycle", "Model lifecycle · shopping")


def test_the_lifecycle_is_one_chain_of_nine_tasks(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["lifecycle"]["tasks"]

    chain = {name: set(TASKS[number + 1 : number + 2]) for number, name in enumerate(TASKS)}
    chain["admit"].add("train")  # which trials there are
    assert {name: set(task["after"]) for name, task in tasks.items()} == chain
    assert [name for name, task in tasks.items() if task["mapped"]] == ["train"]
    assert [name for name, task in tasks.items() if task["pool"] == "training"] == ["train"]


def test_thousands_of_runs_may_wait_for_a_reviewer(bag: dict[str, Any]) -> None:
    """Airflow counts them among its active runs; sixteen of them once kept everybody else's from beginning."""
    assert all(dag["active"] >= 10_000 for dag in bag["dags"].values())


def test_tasks_have_readable_names_and_are_tried_again(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["lifecycle"]["tasks"]

    assert [task["display"] for task in tasks.values()] == [
        f"{number} · {name.replace('_', ' ').capitalize()}" for number, name in enumerate(TASKS, 1)
    ]
    assert all(task["retries"] >= 10 for task in tasks.values()), "a restarted platform must not use them all up"


def test_what_a_user_wrote_is_never_a_template(bag: dict[str, Any]) -> None:
    lifecycle = bag["dags"]["lifecycle"]

    assert {name: task["templated"] for name, task in lifecycle["tasks"].items()} == {name: [] for name in TASKS}
    assert lifecycle["native"] is False


def test_the_form_explains_itself(bag: dict[str, Any]) -> None:
    lifecycle = bag["dags"]["lifecycle-shopping"]
    params = lifecycle["params"]

    fields = ["code", "problem", "gpu", "memory", "priority"]
    parameters = [f"titles0.{name}" for name in ("epochs", "lr", "augment", "optimizer")]
    assert list(params) == [*fields, *parameters, "submission"]
    assert [name for name, param in params.items() if not param["title"] or not param["description"]] == []
    assert {params[name]["section"] for name in parameters} == {"Parameters of titles0"}
    assert lifecycle["schedule"] == "None"
    assert [name for name in TASKS if f"**{name}**" not in lifecycle["doc"]] == []


# Processor time, because other tests may be running beside this one, and as a part of what Airflow itself costs, because
# processors differ.
TIME = """
import os, sys, time
begun = time.process_time()
import airflow.sdk
print("airflow", time.process_time() - begun, flush=True)
for _ in range(5):
    if os.fork() == 0:  # each child has airflow.sdk and nothing of ours
        begun = time.process_time()
        exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), {"__name__": "dag"})
        print("seconds", time.process_time() - begun, flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_read_in_no_time(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For one team that has submitted the code of twelve models eight times."""
    (tmp_path / "catalog.json").write_text(json.dumps({"teams": {"default": team_with(models=12, codes=8)}}))
    printed = run(sys.executable, "-c", TIME, path, environment=airflow(tmp_path))
    times = [float(found) for found in re.findall(r"^seconds (.+)$", printed, re.M)]
    assert len(times) == 5
    seconds, (sdk,) = min(times), [float(found) for found in re.findall(r"^airflow (.+)$", printed, re.M)]

    with capsys.disabled():
        print(f"\n  {path.name}: {seconds * 1e3:.1f} ms beyond airflow.sdk, which takes {sdk * 1e3:.0f} ms")
    assert seconds < sdk / 5


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_imports_nothing_heavy(path: Path, tmp_path: Path) -> None:
    script = f"import runpy, sys; runpy.run_path(sys.argv[1]); print([name for name in {HEAVY} if name in sys.modules])"
    assert run(sys.executable, "-c", script, path, environment=airflow(tmp_path)).splitlines()[-1] == "[]"


# --- The command line ---


def test_help_comes_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    def measure(*command: str | Path) -> float:
        """Seconds of processor time."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(*command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    seconds, python = (
        min(measure(*command) for _ in range(5))
        for command in ((BIN / "jinsu", "--help"), (sys.executable, "-I", "-c", ""))
    )

    with capsys.disabled():
        print(f"\n  jinsu --help: {seconds * 1e3:.0f} ms; Python alone {python * 1e3:.0f} ms")
    assert seconds < 20 * python


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(cli))


def test_the_commands_are_the_ones_in_the_manual() -> None:
    named = {"up", "down", "status", "init", "check", "submit", "runs", "logs", "why", "cancel"}
    assert {name.split()[0] for name in COMMANDS} >= named | {"data", "review", "rollout", "predict"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(name: str) -> None:
    text = COMMANDS[name].get_help(click.Context(COMMANDS[name], info_name=f"jinsu {name}"))

    assert "Example:" in text
    assert f"jinsu {name}" in text.partition("Example:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json(name: str) -> None:
    if name in ("logs", "init"):
        pytest.skip("it prints text, or writes files")
    assert "--json" in [option for param in COMMANDS[name].params for option in param.opts]


def test_help_says_what_exit_codes_mean() -> None:
    from jinsu import errors

    codes = " ".join(cli.get_help(click.Context(cli)).partition("Exit codes:")[2].split())
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.JinsuError)]
    for code in {kind.exit_code for kind in found}:
        assert re.search(rf"\b{code} \w", codes), code


# --- What is published ---


def test_the_published_schema_is_the_schema() -> None:
    assert (ROOT / "docs" / "model.schema.json").read_text(encoding="utf-8") == schema_text(), "run: make docs"


def test_the_reference_of_the_spec_is_the_schema() -> None:
    assert (ROOT / "docs" / "spec.md").read_text(encoding="utf-8") == reference_page(), "run: make docs"


def test_the_lock_holds_exact_versions_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()

    assert len(lines) > 100
    assert [
        line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[0-9][\w.!]*", line)
    ] == []


def test_the_lock_holds_every_dependency() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    named = [line for group in (project["dependencies"], *extras) for line in group if not line.startswith("jinsu[")]
    locked = {re.split(r"[\[=]", line)[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}

    assert [name for line in named if (name := re.split(r"[\[<>=~!; ]", line)[0].lower()) not in locked] == []


def test_the_notice_has_the_licence_of_every_package_in_the_images() -> None:
    from importlib.metadata import metadata

    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^([a-z][a-z0-9-]+) +[GRTPL](?: [GRTPL])* +(.+)$", notice, re.MULTILINE))
    requirements = "".join(path.read_text() for path in (ROOT / "platform" / "images").glob("*.txt"))
    packages = re.findall(r"^[a-z][a-z0-9-]*", requirements, re.MULTILINE)
    assert len(packages) > 30

    assert [name for name in packages if name not in shown] == []
    stated = {name: metadata(name).get("License-Expression") for name in shown}
    assert {name: shown[name] for name, licence in stated.items() if licence not in (None, shown[name])} == {}


# Written in pieces, so that this file does not name them either.
PRIVATE = re.compile(
    "|".join(
        (
            r"(?<![\w.])/" + r"work/",
            r"/opt/" + "wheels",
            # The public index is nobody's place, and the default of a value.
            r"https?://(?!pypi\.org/simple\b)[^\s\"')]*"
            + r"(pypi|pythonhosted|mirror|artifactory|nexus|devpi|registry)",
            r"\b(pypi|mirror|registry|artifactory|nexus)" + r"\.[a-z0-9-]+\.[a-z]{2,}",
            r"--(extra-)?index-" + r"url[ =]",
        )
    ),
    re.IGNORECASE,
)


def test_nothing_names_a_registry_or_a_place_of_one_machine() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes()
        if b"\0" not in text:
            for number, line in enumerate(text.decode(errors="replace").splitlines(), 1):
                if PRIVATE.search(line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


def test_nothing_that_is_tracked_is_ignored_or_private() -> None:
    names = [str(path.relative_to(ROOT)) for path in tracked()]
    assert [
        name for name in names if re.search(r"(^|/)(\.venv|\.jinsu|build|__pycache__|settings\.json|\.env)(/|$)", name)
    ] == []


def test_what_airflow_s_workers_are_made_with_opens_nothing_that_people_sent() -> None:
    """The import contract sees no names in texts; the executor imports these before it makes a worker."""
    code = (
        "import importlib, sys\n"
        "from jinsu.orchestration.executor import _PRELOADED\n"
        "[importlib.import_module(name) for name in _PRELOADED]\n"
        "names = {'pyarrow', 'deltalake', 'onnx', 'onnxruntime', 'great_expectations', 'torch'}\n"
        "print(sorted(names & {name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"
