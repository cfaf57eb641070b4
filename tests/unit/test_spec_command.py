"""train.command is started without a shell: what only a shell would understand is refused where a spec comes in."""

import json
import shlex

import pytest
from tests.support.api_client import ApiClient
from tests.support.stage_bench import StageBench

from jinsu.errors import BadInputError
from jinsu.spec.command import shell_syntax
from jinsu.spec.load import parse_spec, spec_from

SPEC = "name: a\nproblem: p\ntrain:\n  command: {command}\n"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("python a.py && python b.py", "'&&' starts another command"),
        ("python a.py || true", "'||' starts another command"),
        ("python a.py; python b.py", "';' starts another command"),
        ("python a.py &", "'&' starts another command"),
        ("python a.py\npython b.py", "a line break starts another command"),
        ("python a.py \\\n --x", "a line break starts another command"),
        ("python a.py | tee log", "'|' is a pipe"),
        ("python a.py > log 2>&1", "'>' redirects a file"),
        ("python a.py < rows", "'<' redirects a file"),
        ("python a.py $(date)", "'$(' runs a command in a command"),
        ("python a.py `date`", "'`' runs a command in a command"),
        ("python a.py --home=$HOME", "'$' reads a variable"),
        ("python a.py *.txt", "'*' stands for names of files"),
        ("python a.py part?.txt", "'?' stands for names of files"),
        ("python a.py [ab].txt", "'[' stands for names of files"),
        ("python a.py ~/x", "'~' stands for a home folder"),
        ("python a.py # once", "'#' begins a comment"),
        ("OMP_NUM_THREADS=1 python a.py", "'OMP_NUM_THREADS=' sets a variable"),
    ],
)
def test_what_needs_a_shell_is_named(command: str, found: str) -> None:
    assert shell_syntax(command) == found
    with pytest.raises(BadInputError) as refused:
        parse_spec(SPEC.format(command=json.dumps(command)))
    said = str(refused.value)
    assert said.startswith(f"model.yaml: train.command: {found}, ")
    assert "command: bash run.sh" in said


@pytest.mark.parametrize(
    "command",
    [
        "python train.py --lr=0.1 --name a=b",
        "python train.py",
        "bash run.sh",
        "python -u -m package.train",
        "sh -c 'python a.py && python b.py > $HOME/log'",
        'python train.py --text "a; b | c" --glob "*.txt"',
        "python train.py a\\&b 50% x~y c#d",
        "python train.py \n",
        "python 학습.py",
    ],
)
def test_quotes_and_plain_arguments_are_fine(command: str) -> None:
    assert shell_syntax(command) is None
    assert shlex.split(command)


def test_a_run_that_was_admitted_before_can_still_be_read() -> None:
    assert spec_from({"name": "a", "problem": "p", "train": {"command": "python a.py && b"}}).name == "a"


def test_a_replaced_command_is_checked_too(bench: StageBench, api: ApiClient) -> None:
    for path, value in (("train.command", "python train.py && rm x"), ("train", {"command": "python train.py | cat"})):
        body = {"code_digest": bench.code(SPEC.format(command="python train.py").replace("problem: p", "problem: toy")),
                "idempotency_key": path, "overrides": {path: value}}  # fmt: skip
        answer = api.post("/v1/submissions", json=body)
        assert answer.status_code == 422
        assert "train.command: " in answer.json()["error"], answer.json()
        assert "no shell reads the command" in answer.json()["error"]
