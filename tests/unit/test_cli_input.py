"""What the command line says about clumsy input: a sentence, never a traceback."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.support.live_server import live
from tests.support.stage_bench import StageBench

from jinsu.api import models
from jinsu.api.app import create_app
from jinsu.cli.main import main
from jinsu.cli.rows import read_rows
from jinsu.errors import BadInputError

Said = tuple[int, str, str]


@pytest.fixture(scope="module")
def server(shared_api: tuple[StageBench, Any]) -> Iterator[int]:
    with live(create_app(shared_api[0].installation)) as port:
        yield port


@pytest.fixture
def jinsu(
    server: int, bench: StageBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Runs a command against the API of `bench`; gives its exit code, what it printed and what it complained."""
    monkeypatch.setenv("JINSU_API", f"http://127.0.0.1:{server}")
    monkeypatch.setenv("JINSU_TOKEN", "token of ann")

    def run(*arguments: object, token: str = "token of ann") -> Said:
        monkeypatch.setenv("JINSU_TOKEN", token)
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        assert "\x1b" not in printed.out + printed.err
        code = ended.value.code
        return code if isinstance(code, int) else 0, printed.out, printed.err

    return run


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("[[NaN]]", "ROWS: NaN is no number of JSON, and a model takes finite numbers"),
        ("[[-Infinity, 1]]", "ROWS: -Infinity is no number of JSON"),
        ("[[1e999]]", "ROWS: holds a number that is too large"),
        (f"[[{'9' * 5000}]]", "ROWS: holds a number that is too large"),
        ("[" * 100_000, "ROWS: is nested too deeply"),
        ("[" * 5000 + "]" * 5000, "ROWS: is nested too deeply"),
        ("[[0.1, 0.2]", "ROWS: not JSON at line 1, column 12: Expecting ',' delimiter"),
        ("", "ROWS: not JSON at line 1, column 1"),
        ("red cotton shirt", "ROWS: not JSON"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_rows_that_no_request_can_hold_are_refused(rows: str, words: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_rows(rows)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


def test_rows_become_the_body_of_a_request() -> None:
    assert json.loads(read_rows('["\\ud800", "한", 1.5, null]')) == {"inputs": ["\ud800", "한", 1.5, None]}
    assert read_rows('["\\ud800"]').isascii()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"predictions": None}),
        httpx.Response(500, json={"message": "\x1b[2Jno"}),
        httpx.Response(404, json=[1]),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:30]}",
)
def test_an_endpoint_that_answers_oddly_gets_a_sentence(
    jinsu: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, answer: httpx.Response
) -> None:
    served = [models.Endpoint(model="toy", champion="1", endpoint="http://x.test/models/toy/invocations")]
    monkeypatch.setattr("jinsu.cli.client.Client.get", lambda *_, **__: served)
    monkeypatch.setattr(httpx.Client, "post", lambda *_, **__: answer)
    code, _, complaint = jinsu("predict", "toy", "[[1]]")
    assert code == 2
    assert complaint.startswith("jinsu: ")


@pytest.mark.parametrize("limit", ["-3", "0", "1001", "9" * 30, "many", "1.5", "NaN"])
def test_a_number_of_runs_that_makes_no_sense(jinsu: Callable[..., Said], limit: str) -> None:
    for arguments in (("runs", "-n", limit), ("audit", "--limit", limit)):
        code, _, complaint = jinsu(*arguments)
        assert code == 2
        assert "Invalid value for " in complaint
        assert "1<=x<=1000" in complaint or "is not a valid integer" in complaint


@pytest.mark.parametrize("trial", ["-1", str(2**31), "first"])
def test_a_trial_that_makes_no_sense(jinsu: Callable[..., Said], trial: str) -> None:
    code, _, complaint = jinsu("logs", "toy-1", "--trial", trial)
    assert code == 2
    assert "Invalid value for '--trial'" in complaint


ODD = ["../runs", "a/b", "a?x=1", "a#b", "%2e%2e", "..", "", " ", "x" * 10_000, "한글", "\u202efdp", "a\nb", "\x1b[2J", "😀"]


@pytest.mark.parametrize("name", ODD, ids=lambda name: ascii(name[:20]))
def test_a_name_that_is_none(jinsu: Callable[..., Said], name: str) -> None:
    for command in (
        ("why", name), ("logs", name), ("cancel", name), ("follow", name), ("review", "show", name),
        ("review", "approve", name), ("review", "revoke", name, name, "--reason", "x"), ("rollout", "abort", name),
        ("rollout", "back", name, name), ("problem", "show", name), ("ledger", "show", name), ("user", "remove", name),
        ("team", "add", name), ("predict", name, "[1]"), ("token", "revoke", name), ("data", "put", name, __file__),
    ):  # fmt: skip
        code, _, complaint = jinsu(*command)
        if command[0] == "ledger":
            continue  # the ledger of a model that there never was is empty
        assert code in (2, 3, 4), (command, complaint)
        assert len(complaint) < 5000, command


def test_a_reason_of_any_length_and_kind(jinsu: Callable[..., Said], bench: StageBench) -> None:
    code, _, complaint = jinsu("cancel", bench.run, "--reason", "x" * 3000)
    assert (code, complaint) == (2, "jinsu: reason: String should have at most 2000 characters\n")
    code, printed, _ = jinsu("cancel", bench.run, "--reason", "wrong \x1b[2J\u202e data")
    assert code == 0
    assert "wrong �[2J� data" in printed


def test_an_argument_that_is_no_text(jinsu: Callable[..., Said]) -> None:
    code, _, complaint = jinsu("cancel", "toy-1", "--reason", "caf\udce9")
    assert code == 2
    assert "no text in UTF-8" in complaint


def test_a_file_that_cannot_be_read(jinsu: Callable[..., Said], tmp_path: Any) -> None:
    for arguments in (("submit", tmp_path / "none"), ("problem", "put", tmp_path), ("team", "policy", "default", tmp_path)):
        code, _, complaint = jinsu(*arguments)
        assert code in (1, 2, 3), arguments
        assert "jinsu" in complaint


def test_an_error_of_its_own_is_a_sentence_with_a_way_to_see_more(
    jinsu: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinsu.cli.client.Client.get", lambda *_, **__: {}["missing"])
    code, _, complaint = jinsu("runs")
    assert (code, complaint) == (
        1, "jinsu: an error of its own: KeyError: 'missing'. Please report it, with what JINSU_TRACEBACK=1 prints.\n"
    )  # fmt: skip
    monkeypatch.setenv("JINSU_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(["runs"])
