"""MLflow in memory answers as a real MLflow server does: both are asked the same."""

import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.support.fake_mlflow import ACCOUNT, FakeMlflow
from tests.support.stage_bench import settings_of
from tests.support.waiting import until

from jinsu.controller.metrics import is_taken
from jinsu.errors import ConflictError, JinsuError, NotFoundError, TransientError
from jinsu.home import HOME_VARIABLE
from jinsu.registry.mlflow import CHALLENGER, CHAMPION, Mlflow, RunStatus
from jinsu.servers import mlflow as server
from jinsu.steps.metrics import MetricPoint

API = "/api/2.0/mlflow/"
numbers = itertools.count()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """A server as `jinsu up` starts it, on SQLite."""
    home = tmp_path_factory.mktemp("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    settings = settings_of(
        home, mlflow_url=address, mlflow_database_url=f"sqlite:///{home}/mlflow/mlflow.db", mlflow_secret="x" * 32
    )
    settings.write()
    (home / "mlflow").mkdir()
    (home / "mlflow" / "auth.ini").write_text(server.authentication(settings))
    with (home / "server.log").open("wb") as log:
        environment = {**os.environ, **server.environment(settings), HOME_VARIABLE: str(home)}
        process = subprocess.Popen(server.command("127.0.0.1", port), env=environment, stdout=log, stderr=log)
    try:
        until(lambda: answers(address), 120, lambda: (home / "server.log").read_text()[-2000:])
        yield Mlflow(address, ACCOUNT, timeout=60)
    finally:
        process.terminate()
        process.wait(60)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(params=["in memory", "real"])
def mlflow(request: pytest.FixtureRequest) -> Mlflow:
    found: Mlflow = FakeMlflow().connect() if request.param == "in memory" else request.getfixturevalue("real")
    return found


@pytest.fixture
def model() -> str:
    """A name that no other test uses: the real server is shared."""
    return f"model-{next(numbers)}"


def ask(mlflow: Mlflow, method: str, path: str, **arguments: Any) -> Any:
    """What the server says, asked without Jinsu's client."""
    return mlflow._http.request(method, API + path, **arguments).json()


def run_of(mlflow: Mlflow, run: str) -> Any:
    return ask(mlflow, "GET", "runs/get", params={"run_id": run})["run"]


def points(mlflow: Mlflow, run: str, metric: str) -> list[tuple[Any, int, int]]:
    found = ask(mlflow, "GET", "metrics/get-history", params={"run_id": run, "metric_key": metric}).get("metrics", [])
    return sorted(((point["value"], point["step"], point["timestamp"]) for point in found), key=lambda point: point[1:])


def registered(mlflow: Mlflow, model: str, count: int = 1) -> str:
    """A run with so many versions of the model."""
    _, run = mlflow.ensure_run(model, f"{model}-run", {})
    mlflow.ensure_model(model, {"jinsu": "true"})
    for number in range(count):
        mlflow.create_version(model, f"runs:/{run}/model", run, {"number": str(number)}, "text")
    return run


# --- Runs ---


def test_a_submission_has_one_run_however_often_it_is_asked_for(mlflow: Mlflow, model: str) -> None:
    first = mlflow.ensure_run(model, "s-1", {"jinsu.submitter": "ann"})
    other = mlflow.ensure_run(model, "s-2", {})

    assert mlflow.ensure_run(model, "s-1", {}) == first
    assert other[0] == first[0] == mlflow.experiment(first[1])
    assert other[1] != first[1]
    tags = {tag["key"]: tag["value"] for tag in run_of(mlflow, first[1])["data"]["tags"]}
    assert (tags["jinsu.submission"], tags["jinsu.submitter"]) == ("s-1", "ann")
    assert run_of(mlflow, first[1])["info"]["status"] == "RUNNING"


def test_a_run_that_was_deleted_is_made_anew(mlflow: Mlflow, model: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    ask(mlflow, "POST", "runs/delete", json={"run_id": run})

    assert mlflow.ensure_run(model, "s-1", {})[1] != run
    with pytest.raises(ConflictError, match="must be in the 'active' state"):
        mlflow.log(run, [MetricPoint("loss", 1, 0, 1)])


def test_params_may_be_sent_again_and_never_changed(mlflow: Mlflow, model: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    mlflow.log(run, params={"lr": 0.1, "empty": ""})
    mlflow.log(run, params={"lr": 0.1, "epochs": 5})

    with pytest.raises(ConflictError, match="Changing param values is not allowed"):
        mlflow.log(run, params={"lr": 0.2})

    params = {param["key"]: param["value"] for param in run_of(mlflow, run)["data"]["params"]}
    assert params == {"lr": "0.1", "empty": "", "epochs": "5"}


def test_more_params_than_one_request_takes_are_all_kept(mlflow: Mlflow, model: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    params = {f"p{number}": str(number) for number in range(250)}

    mlflow.log(run, params=params)

    assert {param["key"]: param["value"] for param in run_of(mlflow, run)["data"]["params"]} == params


def test_a_point_that_is_sent_twice_counts_once(mlflow: Mlflow, model: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    mlflow.log(run, [MetricPoint("loss", 0.5, 1, 1.0)] * 2)
    mlflow.log(run, [MetricPoint("loss", 0.5, 1, 1.0), MetricPoint("loss", 0.25, 2, 2.5)])

    assert points(mlflow, run, "loss") == [(0.5, 1, 1000), (0.25, 2, 2500)]
    (latest,) = run_of(mlflow, run)["data"]["metrics"]
    assert (latest["key"], latest["value"], latest["step"]) == ("loss", 0.25, 2)


def test_values_that_are_no_number_are_kept(mlflow: Mlflow, model: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    mlflow.log(run, [MetricPoint("loss", float(value), step, 1.0) for step, value in enumerate(("nan", "inf", "-inf"))])

    largest = 1.7976931348623157e308
    assert points(mlflow, run, "loss") == [("NaN", 0, 1000), (largest, 1, 1000), (-largest, 2, 1000)]


TAKEN = ("m", "a/b", "a b", "a:b", "a-b.c_d", "é", "日本", "x" * 250)
REFUSED = ("", "a(b)", "a=b", "/a", "a/", "../a", "a//b", "a/./b", ".", "..", "a\0b", "a\nb", "x" * 251, "😀")


@pytest.mark.parametrize("name", TAKEN, ids=ascii)
def test_a_name_that_a_metric_may_have(mlflow: Mlflow, model: str, name: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    mlflow.log(run, [MetricPoint(name, 1.0, 0, 1.0)])

    assert points(mlflow, run, name) == [(1.0, 0, 1000)]
    assert is_taken(MetricPoint(name, 1.0, 0, 1.0))


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_one_bad_name_costs_its_whole_batch(mlflow: Mlflow, model: str, name: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})

    with pytest.raises(ConflictError):
        mlflow.log(run, [MetricPoint("good", 1.0, 0, 1.0), MetricPoint(name, 1.0, 0, 1.0)])

    assert points(mlflow, run, "good") == []
    assert not is_taken(MetricPoint(name[:200], 1.0, 0, 1.0)) or len(name) > 200  # names are cut before


@pytest.mark.parametrize(
    ("step", "at", "kept"),
    [
        (2**63 - 1, 1.0, (1.0, 2**63 - 1, 1000)),
        (-(2**63), 1.0, (1.0, -(2**63), 1000)),
        (2**63, 1.0, None),
        (-(2**63) - 1, 1.0, None),
        (3, 0.0, (1.0, 3, 0)),
    ],
)
def test_a_step_beyond_64_bits_is_lost(mlflow: Mlflow, model: str, step: int, at: float, kept: Any) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    mlflow.log(run, [MetricPoint("loss", 1.0, step, at)])

    found = points(mlflow, run, "loss")
    assert found == [kept] if kept else step not in [point[1] for point in found]
    assert is_taken(MetricPoint("loss", 1.0, step, at)) == bool(kept)


def test_a_time_before_the_epoch_is_refused(mlflow: Mlflow, model: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    with pytest.raises(ConflictError, match="Timestamp must be"):
        mlflow.log(run, [MetricPoint("loss", 1.0, 0, -1.0)])
    assert not is_taken(MetricPoint("loss", 1.0, 0, -1.0))


def test_a_run_ends_as_it_was_last_told(mlflow: Mlflow, model: str) -> None:
    _, run = mlflow.ensure_run(model, "s-1", {})
    for status in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED):
        mlflow.end_run(run, status)
        assert run_of(mlflow, run)["info"]["status"] == status
    mlflow.log(run, params={"late": 1})  # the metrics of its last seconds come after the end


def test_an_artifact_is_replaced(mlflow: Mlflow, model: str) -> None:
    experiment, run = mlflow.ensure_run(model, "s-1", {})
    for content in (b"first", b"second"):
        mlflow.upload(run, "model/an odd name.json", content)

    path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/model/an odd name.json"
    assert mlflow._http.get(path).content == b"second"


# --- The registry ---


def test_a_version_is_found_by_all_of_its_tags(mlflow: Mlflow, model: str) -> None:
    assert mlflow.find_version(model, {"number": "0"}) is None
    registered(mlflow, model, 3)
    mlflow.ensure_model(model, {"jinsu": "true"})

    assert mlflow.find_version(model, {"number": "1"}) == "2"
    assert mlflow.find_version(model, {"number": "7"}) is None
    mlflow.tag_version(model, "2", "jinsu.ready", "true")
    assert mlflow.find_version(model, {"number": "1", "jinsu.ready": "true"}) == "2"
    assert mlflow.find_version(model, {"number": "0", "jinsu.ready": "true"}) is None


def test_versions_are_counted_from_one_and_keep_what_they_were_made_with(mlflow: Mlflow, model: str) -> None:
    run = registered(mlflow, model)
    version = mlflow.create_version(model, f"runs:/{run}/model", run, {"a": "b"}, "what a reviewer reads")

    found = mlflow.version(model, version)

    assert version == "2"
    assert (found["version"], found["source"], found["run_id"]) == ("2", f"runs:/{run}/model", run)
    assert (found["description"], found["tags"]) == ("what a reviewer reads", [{"key": "a", "value": "b"}])


def test_an_alias_names_one_version_and_moves(mlflow: Mlflow, model: str) -> None:
    registered(mlflow, model, 2)
    assert mlflow.aliases(model) == {}

    for version in ("1", "2", "2"):
        mlflow.set_alias(model, CHAMPION, version)
    mlflow.set_alias(model, CHALLENGER, "2")
    assert mlflow.aliases(model) == {CHAMPION: "2", CHALLENGER: "2"}

    mlflow.drop_alias(model, CHALLENGER, "1")  # another version has it
    assert mlflow.aliases(model) == {CHAMPION: "2", CHALLENGER: "2"}
    for _ in range(2):
        mlflow.drop_alias(model, CHALLENGER, "2")
    assert mlflow.aliases(model) == {CHAMPION: "2"}


# --- Errors ---


def test_what_does_not_exist_is_not_found(mlflow: Mlflow, model: str) -> None:
    run, nowhere = registered(mlflow, model), "0" * 32
    for question in (
        lambda: mlflow.log(nowhere, params={"a": 1}),
        lambda: mlflow.upload(nowhere, "a", b""),
        lambda: mlflow.end_run(nowhere, RunStatus.FAILED),
        lambda: mlflow.experiment(nowhere),
        lambda: mlflow.version(model, "9"),
        lambda: mlflow.tag_version(model, "9", "a", "b"),
        lambda: mlflow.set_alias(model, CHAMPION, "9"),
        lambda: mlflow.set_alias("no-such-model", CHAMPION, "1"),
        lambda: mlflow.create_version("no-such-model", f"runs:/{run}/model", run, {}, ""),
    ):
        with pytest.raises(NotFoundError):
            question()
    assert mlflow.aliases("no-such-model") == {}
    assert mlflow.find_version("no-such-model", {}) is None


def test_what_makes_no_sense_contradicts(mlflow: Mlflow, model: str) -> None:
    run = registered(mlflow, model)
    with pytest.raises(ConflictError, match="must be an integer"):
        mlflow.set_alias(model, CHAMPION, "latest")
    with pytest.raises(ConflictError, match="Invalid model version source"):
        mlflow.create_version(model, "runs:/another/model", run, {}, "")


# --- Only in memory: what a network does ---


def test_a_server_that_answers_from_its_database_is_ready(mlflow: Mlflow) -> None:
    assert mlflow.ready()


def test_a_server_that_is_down_is_a_passing_problem() -> None:
    fake = FakeMlflow()
    mlflow = fake.connect()
    fake.down = True
    assert not mlflow.ready()
    with pytest.raises(TransientError, match="does not answer"):
        mlflow.aliases("toy")


def test_a_lost_answer_is_a_passing_problem_after_the_work_was_done() -> None:
    fake = FakeMlflow()
    mlflow = fake.connect()
    mlflow.ensure_model("toy", {})
    fake.lose_answer_to = "model-versions/create"

    with pytest.raises(TransientError):
        mlflow.create_version("toy", "runs:/x/model", "x", {"a": "b"}, "")

    assert mlflow.find_version("toy", {"a": "b"}) == "1"


def test_a_server_that_fails_is_a_passing_problem_and_a_refusal_is_none() -> None:
    fake = FakeMlflow()
    mlflow = fake.connect()
    for status, kind in ((500, TransientError), (503, TransientError), (429, TransientError), (403, ConflictError)):
        fake.refuse = lambda method, path, status=status: status
        with pytest.raises(JinsuError) as caught:
            mlflow.aliases("toy")
        assert type(caught.value) is kind
