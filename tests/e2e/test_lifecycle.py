"""From a folder to a champion that answers live traffic, then a better one, through the command line."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
MODEL = "line"  # its own name: other tests register versions of `points`


def launch_by_command(platform: Any, folder: Path, *params: str) -> dict[str, Any]:
    """Submits the folder as a researcher does; somebody else approves."""

    def waiting() -> set[str]:
        return {review["run"] for review in platform.jinsu_json("review", "list")}

    before = waiting()
    process = platform.start_jinsu("submit", folder, "--follow", "--json", *params)
    try:
        (run,) = platform.until(lambda: waiting() - before, 60, "a review to be asked for")
        platform.jinsu("review", "approve", run, token=platform.token("rita"))
        said, complaint = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said + complaint
    return dict(json.loads(said))


@pytest.fixture(scope="module")
def named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = Path(shutil.copytree(folder, tmp_path_factory.mktemp("lifecycle") / MODEL))
    spec = copy / "model.yaml"
    spec.write_text(spec.read_text().replace("name: points", f"name: {MODEL}"))
    return copy


@pytest.fixture(scope="module")
def first(platform: Any, named: Path) -> dict[str, Any]:
    """The first version, which reads one column of two."""
    ended = launch_by_command(platform, named, "--param", "features=1")
    platform.until(lambda: platform.answering(MODEL), 10, "the first version to answer")
    return ended


def test_a_folder_becomes_the_champion(platform: Any, first: dict[str, Any]) -> None:
    assert first["state"] == "succeeded"
    assert [stage["name"] for stage in first["stages"] if stage["state"] == "done"] == [
        "admit",
        "validate_data",
        "train",
        "package",
        "evaluate",
        "register",
        "review",
        "canary",
        "promote",
    ]
    answer = platform.jinsu_json("predict", MODEL, "[[2, 2], [-2, -2]]")
    assert answer["version"] == "1"
    assert [max(range(2), key=scores.__getitem__) for scores in answer["predictions"]] == [1, 0]


def test_every_command_tells_about_it(platform: Any, first: dict[str, Any]) -> None:
    run = first["id"]
    assert platform.jinsu("why", run).startswith("It succeeded: version 1 is the champion.")
    assert platform.jinsu_json("why", run)["links"].keys() == {"Endpoint", "MLflow run", "Evidence", "Data docs"}
    assert {"id": run, "state": "succeeded", "model": MODEL}.items() <= next(
        row for row in platform.jinsu_json("runs") if row["id"] == run
    ).items()
    assert "note: \n" in platform.jinsu("logs", run)
    assert {"envoy", "mlflow", "api", f"model-{MODEL}-v1"} <= {row["name"] for row in platform.jinsu_json("status")}
    rollout = next(row for row in platform.jinsu_json("rollout", "list") if row["run"] == run)
    assert (rollout["challenger"], rollout["phase"]) == ("1", "promoted")
    entry = platform.jinsu_json("ledger", "show", MODEL)[-1]
    assert (entry["event"], entry["version"], entry["actor"], entry["run"]) == ("promoted", "1", "rita", run)
    assert entry["evidence"].endswith("evidence.html")
    assert {item["name"]: item["rows"] for item in platform.jinsu_json("data", "list")}["points"] == 600


def test_every_link_leads_somewhere(platform: Any, first: dict[str, Any]) -> None:
    import httpx

    links = platform.jinsu_json("why", first["id"])["links"]
    page = httpx.get(links["Data docs"])
    assert page.status_code == 200
    assert "<html" in page.text
    assert platform.mlflow().get(links["MLflow run"]).status_code == 200


def test_mlflow_holds_the_version_with_its_evidence(platform: Any, first: dict[str, Any]) -> None:
    mlflow, run = platform.mlflow(), first["mlflow_run"]
    version = next(item for item in platform.versions(MODEL) if item["version"] == "1")
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert tags["jinsu.submission"] == first["id"]
    assert tags["jinsu.dataset"] == first["dataset"]
    assert tags["jinsu.review"] == "approved by rita via cli"
    assert tags["jinsu.ready"] == "true"
    model = mlflow.get("/api/2.0/mlflow/registered-models/get", params={"name": MODEL}).json()["registered_model"]
    assert "champion" in {alias["alias"] for alias in model["aliases"]}

    def artifact(path: str) -> str:
        return mlflow.get("/get-artifact", params={"run_uuid": run, "path": path}).text

    assert {"accuracy", first["id"], first["dataset"]} <= set(re.findall(r"[\w@.-]+", artifact("evidence.html")))
    assert "signature:" in artifact("model/MLmodel")
    assert "saved_input_example_info:" in artifact("model/MLmodel")
    logged = mlflow.get("/api/2.0/mlflow/runs/get", params={"run_id": run}).json()["run"]
    assert logged["info"]["status"] == "FINISHED"
    assert {"loss", "eval_accuracy"} <= {metric["key"] for metric in logged["data"]["metrics"]}


def test_a_better_version_takes_over_without_a_failed_request(
    platform: Any, named: Path, first: dict[str, Any]
) -> None:
    with platform.traffic(MODEL) as traffic:
        ended = launch_by_command(platform, named)
        platform.until(lambda: traffic.only("2"), 10, "version 2 to answer alone")
    assert not traffic.failed
    assert traffic.versions()["2"] > 10
    gain = next(stage for stage in ended["stages"] if stage["name"] == "evaluate")["output"]["gain"]
    assert gain["value"] > 0
    newest = platform.ledger(MODEL)[0]
    assert (newest["event"], newest["version"], newest["previous"]) == ("promoted", "2", "1")


def test_a_worse_model_never_meets_a_reviewer(platform: Any, named: Path, first: dict[str, Any]) -> None:
    before = len(platform.versions(MODEL))
    said = platform.jinsu("submit", named, "--follow", "--param", "spoil=labels", code=1)
    run = re.search(r"submitted (\S+)", said)[1]  # type: ignore[index]
    why = platform.jinsu("why", run)
    assert why.startswith("It failed in evaluate: ")
    assert "accuracy" in why
    assert "0.7" in why
    assert len(platform.versions(MODEL)) == before
