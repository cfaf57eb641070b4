"""Versions of datasets over HTTP: listed, compared, copied and deleted, and by whom."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.answers import accepted, refused
from tests.support.api_client import ApiClient
from tests.support.stage_bench import StageBench

from jinsu.api import models
from jinsu.identity.people import Person
from jinsu.runs.ownership import may_have_rows
from jinsu.runs.stages import StageName
from jinsu.state.states import AuditEvent, Role
from jinsu.state.tables import AuditEntry, Dataset, Endpoint, Removal

ApiAfter = Callable[[StageName | None], tuple[StageBench, ApiClient]]

OLD = "id,word\n1,a\n2,b\n3,c\n"
NEW = "id,word,more\n2,b,x\n3,C,x\n4,d,x\n"


def put(api: ApiClient, content: str, who: str = "eve", name: str = "words", note: str = "") -> models.Dataset:
    answer = api.post(f"/v1/datasets/{name}?suffix=.csv&note={note}", who, content=content)
    made: models.Dataset = accepted(answer, models.Dataset)
    return made


def delete(api: ApiClient, path: str, who: str = "olga") -> Any:
    return api.ask("DELETE", f"/v1/datasets/{path}", who)


# --- Log ---


def test_every_version_is_listed_with_its_note(api: ApiClient) -> None:
    old, new = put(api, OLD, note="the first"), put(api, NEW, "ann")
    versions = accepted(api.get("/v1/datasets/words/versions"), list[models.Dataset])
    assert [(item.version, item.created_by, item.note, item.latest) for item in versions] == [
        (new.version, "ann", "", True),
        (old.version, "eve", "the first", False),
    ]


# --- Diff ---


def test_two_versions_are_compared(api: ApiClient) -> None:
    old, new = put(api, OLD), put(api, NEW)
    path = f"/v1/datasets/words/difference?old={old.version}"
    found = accepted(api.get(path), models.DatasetDifference)
    assert (found.old, found.new) == (f"words@{old.version}", f"words@{new.version}")
    assert found.columns_added == {"more": "string"}
    assert (found.added, found.removed, found.changed, found.same) == (2, 2, 0, 1)
    keyed = accepted(api.get(f"{path}&new={new.version}&key=id"), models.DatasetDifference)
    assert (keyed.added, keyed.removed, keyed.changed, keyed.same) == (1, 1, 1, 1)
    refused(api.get(f"{path}&key=more"), 422, "--key more: both versions need a column")
    refused(api.get("/v1/datasets/words/difference?old=0123456789"), 404, "no single version '0123456789'")


# --- Get ---


def test_a_copy_has_every_file_by_its_digest(bench: StageBench, api: ApiClient) -> None:
    made = put(api, OLD)
    files = accepted(api.get("/v1/datasets/words/files", "eve"), list[models.DatasetFile])
    assert any(item.name.endswith(".parquet") for item in files)
    for item in files:
        content = api.get(f"/v1/datasets/words/files/{item.name}", "eve").content
        assert hashlib.sha256(content).hexdigest() == item.sha256
    with bench.records.begin() as session:
        query = select(AuditEntry).where(AuditEntry.event == AuditEvent.DATASET_READ)
        assert [(entry.actor, entry.subject) for entry in session.scalars(query)] == [("eve", f"words@{made.version}")]


@pytest.mark.parametrize("name", ["../manifest.json", "..%2F..%2Fresult.json", "/etc/passwd", "nothing", ""])
def test_a_copy_has_no_other_file(api: ApiClient, name: str) -> None:
    put(api, OLD)
    answer = api.get(f"/v1/datasets/words/files/{name}", "eve")
    assert answer.status_code in (404, 405, 422), answer.text


@pytest.mark.parametrize(
    ("role", "put_by", "judged", "may"),
    [
        (Role.OWNER, "other", True, True),
        (Role.REVIEWER, "other", True, False),
        (Role.RESEARCHER, "other", True, False),
        (Role.RESEARCHER, "me", True, True),
        (Role.RESEARCHER, "other", False, True),
        (None, "me", False, False),
    ],
)
def test_who_may_have_the_rows(role: Role | None, put_by: str, judged: bool, may: bool) -> None:
    person = Person("me", teams={} if role is None else {"default": role})
    assert may_have_rows(person, "default", put_by, judged=judged) is may
    assert not may_have_rows(Person("root", admin=True), "default", put_by, judged=judged)


def test_rows_that_a_problem_holds_out_leave_for_few(api: ApiClient) -> None:
    """`points` was put by ann, and the problem of a run judges by it."""
    for who in ("ann", "olga"):
        accepted(api.get("/v1/datasets/points/files", who), list[models.DatasetFile])
    for who in ("eve", "bob"):
        refused(api.get("/v1/datasets/points/files", who), 403, "holds rows of it out", "Ask an owner")
        refused(api.get("/v1/datasets/points/files/part-0.parquet", who), 403, "holds rows of it out")


# --- Delete ---


def test_an_owner_deletes_a_version_and_its_content(bench: StageBench, api: ApiClient) -> None:
    old, new = put(api, OLD), put(api, NEW)
    step = bench.installation.datasets.resolve(f"words@{old.version}").step
    plan = accepted(delete(api, f"words?version={old.version}&dry_run=true"), models.DatasetDeleted)
    assert (plan.deleted, plan.versions, plan.needs) == (False, [f"words@{old.version}"], [])
    assert plan.size > 0
    assert bench.installation.steps.result(step) is not None

    assert accepted(delete(api, f"words?version={old.version}"), models.DatasetDeleted).deleted
    assert bench.installation.steps.result(step) is None
    assert not (bench.home / "objects" / "steps" / step).exists()
    (left,) = accepted(api.get("/v1/datasets/words/versions"), list[models.Dataset])
    assert left.version == new.version
    with bench.records.begin() as session:
        query = select(AuditEntry).where(AuditEntry.event == AuditEvent.DATASET_DELETED)
        assert [(entry.actor, entry.subject) for entry in session.scalars(query)] == [("olga", f"words@{old.version}")]
        assert all(row.done for row in session.scalars(select(Removal)))


def test_the_name_stands_for_the_newest_version_that_is_left(api: ApiClient) -> None:
    old, new = put(api, OLD), put(api, NEW)
    delete(api, f"words?version={new.version}")
    (shown,) = [item for item in accepted(api.get("/v1/datasets"), list[models.Dataset]) if item.name == "words"]
    assert shown.version == old.version


def test_a_deleted_dataset_leaves_its_name_to_others(bench: StageBench, api: ApiClient) -> None:
    put(api, OLD)
    put(api, NEW)
    assert len(accepted(delete(api, "words"), models.DatasetDeleted).versions) == 2
    refused(api.get("/v1/datasets/words/versions"), 404, "'words' does not exist")
    with bench.records.begin() as session:
        assert session.get(Dataset, "words") is None
    assert put(api, OLD, "tom").created_by == "tom"


def test_content_that_another_dataset_shares_stays(bench: StageBench, api: ApiClient) -> None:
    put(api, OLD)
    put(api, OLD, "tom", "toy-words")
    delete(api, "words")
    files = accepted(api.get("/v1/datasets/toy-words/files", "theo"), list[models.DatasetFile])
    assert all(api.get(f"/v1/datasets/toy-words/files/{item.name}", "theo").status_code == 200 for item in files)


def test_the_same_rows_may_be_put_again_after_a_deletion(api: ApiClient) -> None:
    made = put(api, OLD)
    delete(api, "words")
    assert put(api, OLD).version == made.version
    accepted(api.get("/v1/datasets/words/files", "eve"), list[models.DatasetFile])


def test_what_an_open_run_reads_is_not_deleted(bench: StageBench, api: ApiClient) -> None:
    refused(delete(api, "points"), 409, "nothing is deleted", f"run {bench.run} is open and reads it", "jinsu cancel")
    plan = accepted(delete(api, "points?dry_run=true"), models.DatasetDeleted)
    assert not plan.deleted
    assert len(plan.needs) == 1
    assert bench.installation.datasets.resolve("points")


def test_what_a_champion_was_trained_on_is_not_deleted(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.PROMOTE)
    with bench.records.begin() as session:
        assert session.scalars(select(Endpoint)).all()
    refused(delete(api, "points"), 409, "version 1 of model toy, which serves or may soon", "promote another version")


def test_what_a_problem_would_have_no_version_of_is_not_deleted(api: ApiClient) -> None:
    old, new = put(api, OLD), put(api, NEW)
    document = {
        "name": "spelling",
        "kind": "classification",
        "dataset": "words",
        "target": "word",
        "metric": "accuracy",
    }
    answer = api.post("/v1/problems", "olga", json={"document": document})
    assert answer.status_code == 200, answer.text
    refused(delete(api, "words"), 409, "problem spelling judges by it", "put a new version first")
    assert accepted(delete(api, f"words?version={old.version}"), models.DatasetDeleted).deleted
    refused(delete(api, f"words?version={new.version}"), 409, "problem spelling judges by it")


# --- Who ---

VERBS = (
    ("GET", "words/versions"),
    ("GET", "words/difference?old=0"),
    ("GET", "words/files"),
    ("GET", "words/files/part-0.parquet"),
    ("DELETE", "words"),
    ("DELETE", "words?dry_run=true"),
)


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_another_team_is_answered_as_if_there_were_nothing(api: ApiClient, method: str, path: str) -> None:
    put(api, OLD)
    for who in ("tom", "theo"):
        refused(api.ask(method, f"/v1/datasets/{path}", who), 404, "no team of", "may read it")
    assert api.ask(method, f"/v1/datasets/{path}", None).status_code == 401


def test_a_grant_shows_versions_and_gives_no_rows(api: ApiClient) -> None:
    made = put(api, OLD)
    answer = api.post("/v1/grants", "olga", json={"kind": "dataset", "name": "words", "team": "toys"})
    assert answer.status_code == 200, answer.text
    accepted(api.get("/v1/datasets/words/versions", "tom"), list[models.Dataset])
    accepted(api.get(f"/v1/datasets/words/difference?old={made.version}", "tom"), models.DatasetDifference)
    refused(api.get("/v1/datasets/words/files", "theo"), 403, "belongs to team default")
    refused(delete(api, "words", "theo"), 403, "not in team default")


@pytest.mark.parametrize("who", ["eve", "bob", "root"])
def test_only_an_owner_deletes(api: ApiClient, who: str) -> None:
    put(api, OLD)
    refused(delete(api, "words", who), 403, "needs an owner of that team")
