"""Problems over HTTP: put, shown, listed, with their history."""

from typing import Any

import pytest
from tests.support.answers import accepted, refused
from tests.support.api_client import ApiClient
from tests.support.stage_bench import EXPECTATIONS, StageBench

from jinsu.api import models
from jinsu.state.states import AuditEvent
from jinsu.state.tables import AuditEntry, Problem, ProblemVersion

DOCUMENT: dict[str, Any] = {"name": "sides", "dataset": "points", "metric": "accuracy", "min": 0.8}


def put(api: ApiClient, who: str = "olga", expectations: str | None = None, **more: Any) -> Any:
    body = {"document": {**DOCUMENT, **more}}
    return api.post("/v1/problems", who, json=body if expectations is None else {**body, "expectations": expectations})


def test_an_owner_puts_a_problem_and_its_next_version(bench: StageBench, api: ApiClient) -> None:
    first = models.ProblemPut(name="sides", version=1, team="default")
    assert accepted(put(api), models.ProblemPut) == first
    assert accepted(put(api), models.ProblemPut) == first  # the same again is the same version
    assert accepted(put(api, min=0.85), models.ProblemPut).version == 2

    page = accepted(api.get("/v1/problems/sides"), models.ProblemPage)
    assert (page.name, page.team, page.dataset, page.inline, page.looks) == ("sides", "default", "points", False, 0)
    assert [(item.version, item.document["min"], item.by) for item in page.versions] == [
        (2, 0.85, "olga"), (1, 0.8, "olga"),
    ]  # fmt: skip
    assert page.versions[0].at > page.versions[1].at
    listed = accepted(api.get("/v1/problems"), list[models.ProblemSummary])
    assert [(item.name, item.inline) for item in listed] == [("sides", False), ("toy", True)]
    noted = [row for row in bench.rows(AuditEntry) if row.event is AuditEvent.PROBLEM_PUT]
    assert [(row.actor, row.subject, row.detail) for row in noted] == [
        ("olga", "sides", "version 1"), ("olga", "sides", "version 2"),
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["ann", "bob", "root"])
def test_only_an_owner_puts_a_problem(bench: StageBench, api: ApiClient, who: str) -> None:
    refused(put(api, who), 403, f"{who} is no owner of any team")
    accepted(put(api), models.ProblemPut)
    assert put(api, who, min=0.1).status_code == 403
    assert [row.document["min"] for row in bench.rows(ProblemVersion) if row.problem == "sides"] == [0.8]


def test_a_name_of_another_team_is_taken_and_no_more_is_said(bench: StageBench, api: ApiClient) -> None:
    accepted(put(api), models.ProblemPut)
    problem = refused(put(api, "theo", min=0.1), 409, "problem 'sides' is taken by another team; choose another name")
    assert "default" not in problem.error
    refused(put(api, "theo", name="own"), 404, "dataset 'points' does not exist, or team toys may not read it")
    assert len(bench.rows(ProblemVersion)) == 2  # of toy and sides


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"split": {"holdout": 0.0005}}, 409, "split: the first version fixed it"),
        ({"target": "a"}, 409, "target: the first version fixed it"),
        ({"dataset": "others"}, 409, "dataset: the first version fixed it"),
        ({"metric": "beauty"}, 422, "metric"),
        ({"name": "Sides"}, 422, "name"),
        ({"salt": "0" * 64}, 422, "salt: unknown field"),
        ({"expectations": "expectations.yaml"}, 422, "send the text of the file that it names"),
    ],
)
def test_a_document_that_makes_no_version_is_refused(
    bench: StageBench, api: ApiClient, change: dict[str, Any], status: int, word: str
) -> None:
    accepted(put(api), models.ProblemPut)
    refused(put(api, **change), status, word)
    assert len(bench.rows(ProblemVersion)) == 2
    assert len(bench.rows(Problem)) == 2


def test_expectations_are_read_when_they_are_put_and_shown_as_they_were_written(api: ApiClient) -> None:
    file = {"expectations": "expectations.yaml"}
    body = {"document": {**DOCUMENT, **file}}
    refused(api.post("/v1/problems", "olga", json={**body, "expectations": "- columns: {"}), 422, "expectations.yaml")
    refused(
        api.post("/v1/problems", "olga", json={"document": DOCUMENT, "expectations": EXPECTATIONS}), 422, "and no other"
    )
    accepted(api.post("/v1/problems", "olga", json={**body, "expectations": EXPECTATIONS}), models.ProblemPut)
    (version,) = accepted(api.get("/v1/problems/sides"), models.ProblemPage).versions
    assert version.expectations == EXPECTATIONS


SCORER = "def score(truth, outputs, rows):\n    return {'profit': truth}\n"


def test_a_scorer_travels_with_its_problem_and_another_one_is_another_version(bench: StageBench, api: ApiClient) -> None:
    own = {**DOCUMENT, "kind": "custom", "metric": "profit", "scorer": "scorer.py", "direction": "maximize"}

    def send(who: str = "olga", document: dict[str, Any] = own, **more: Any) -> Any:
        return api.post("/v1/problems", who, json={"document": document, **more})

    refused(send(), 422, "scorer: send the text of the file that it names, and no other")
    refused(send(document=DOCUMENT, scorer=SCORER), 422, "scorer: send the text of the file that it names, and no other")
    refused(send(scorer="#" * 65_537), 422, "scorer")
    refused(send(scorer="é" * 40_000), 422, "scorer.py: larger than 64 KiB")
    refused(send(scorer=SCORER + "\0"), 422, "scorer.py: is not text in UTF-8")
    assert [accepted(send(scorer=SCORER), models.ProblemPut).version for _ in range(2)] == [1, 1]
    for who in ("ann", "bob"):
        refused(send(who, scorer=SCORER + "# mine"), 403, "owner")
    assert accepted(send(scorer=SCORER + "# other"), models.ProblemPut).version == 2
    page = accepted(api.get("/v1/problems/sides"), models.ProblemPage)
    assert [item.scorer for item in page.versions] == [SCORER + "# other", SCORER]


def test_a_problem_that_is_not_there_is_named(api: ApiClient) -> None:
    refused(api.get("/v1/problems/nowhere"), 404, "problem 'nowhere' does not exist")
