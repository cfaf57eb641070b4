"""An installation for tests of single stages: real records and files, and servers in memory.

Real: the database (SQLite), objects, datasets, snapshots, steps, and every part of `jinsu.runs`. In memory: MLflow, Airflow and
the launcher, each held to the real one by a contract test.
"""

import json
import shutil
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import event, select
from tests.support.crash_points import CrashingDatabase, CrashPoints
from tests.support.datasets import put_dataset
from tests.support.fake_airflow import SECRET, FakeAirflow
from tests.support.fake_launcher import FakeLauncher
from tests.support.fake_mlflow import ACCOUNT, FakeMlflow
from tests.support.people import ADMIN, make_people, person
from tests.support.tiny_model import saved_model

from jinsu.data.expectations import Expectation
from jinsu.data.validation import Check
from jinsu.data.validation import Verdict as DataVerdict
from jinsu.identity import accounts
from jinsu.identity.people import Person
from jinsu.identity.policies import put_policy
from jinsu.installation import Installation
from jinsu.lifecycle.admit import Admit, Form
from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.lifecycle.stages import STAGES, STEP_STAGES
from jinsu.lifecycle.stepping import Stepping
from jinsu.lifecycle.train import Train
from jinsu.release.advance import Phase
from jinsu.runs.admission import Request
from jinsu.runs.reviews import Said
from jinsu.runs.snapshots import pack
from jinsu.runs.stages import ORDER, StageName, StageOutput
from jinsu.settings import Settings
from jinsu.spec.policy import PolicySpec
from jinsu.state.database import Database, engine
from jinsu.state.states import Door, Role, Verdict
from jinsu.state.tables import Base, Candidate, Endpoint, LedgerEntry, Review, Rollout, StageRecord, Submission, Usage
from jinsu.steps.status import WAITING

MODEL = "toy"
SPEC = """\
name: toy
problem: {dataset: points, expectations: expectations.yaml, metric: accuracy, min: 0.7, vs_champion: ">= -0.05",
          slices: [label]}
train: {command: python train.py, params: {lr: 0.1}}
serve: {max_latency_ms: 1000}
release: {canary: {steps: [50], every: 1s, min_requests: 10}}
"""
EXPECTATIONS = "- expect_column_values_to_be_between: {column: a, min_value: -10, max_value: 10}\n"
METRICS = b'{"name": "accuracy", "value": 0.9, "step": 0, "time": 1.0}\n'
ROWS = 240
SPLITS = "what the secrets of splits follow from, in tests"


def make_home(home: Path) -> None:
    """Writes an empty database, and the dataset `points`, into the folder `home`."""
    database = Database(_database_url(home))
    database.migrate()
    make_people(database)
    engine(database.url).dispose()
    pq.write_table(points(), home / "points.parquet")
    bench = StageBench(home)
    put_dataset(bench.installation.objects, "points", home / "points.parquet", "ann")
    bench.installation.ownership.claim(bench.person("ann"), "points")
    bench.close()


def points(rows: int = ROWS, seed: int = 0) -> pa.Table:
    """Points `a`, `b`, and the side of a line that each is on."""
    import numpy as np

    a, b = np.random.default_rng(seed).normal(size=(2, rows))
    return pa.table({"a": a, "b": b, "label": (a + b / 3 > 0).astype(np.int64)})


class StageBench:
    """One installation in `home`, and one run of it.

    usual: whether its settings are those of every bench. crash: the places where a process of the installation could be
    killed. records: the database as the rest of the world changes it, which is never killed.
    """

    def __init__(self, home: Path, **settings: Any) -> None:
        self.home, self.crash, self.run, self.usual = home, CrashPoints(), "", not settings
        url = _database_url(home)
        self.records = Database(url)
        event.listen(engine(url), "connect", _hurry)
        self.mlflow, self.airflow = FakeMlflow(self.crash), FakeAirflow(self.crash)
        self.launcher = FakeLauncher(home / "objects" / "steps", self.crash)
        self.installation = Installation(settings_of(home, database_url=url, **settings))
        self.installation.__dict__.update(
            database=CrashingDatabase(url, self.crash),
            mlflow=self.mlflow.connect(),
            airflow=self.airflow.connect(),
            launcher=self.launcher,
        )

    def close(self) -> None:
        engine(self.records.url).dispose()

    def copy_to(self, home: Path, **settings: Any) -> "StageBench":
        """The same installation, with all its records, in the folder `home`; what was there before goes."""
        other = StageBench(home, **settings)
        other.become(self)
        return other

    def become(self, other: "StageBench") -> None:
        """Takes over all records of another installation; its own go."""
        self.close()
        other.close()
        _make_equal(other.home, self.home)
        self.run = other.run
        self.crash.begin_anew()
        for ours, theirs in (
            (self.mlflow, other.mlflow),
            (self.airflow, other.airflow),
            (self.launcher, other.launcher),
        ):
            ours.take_over(theirs)

    def build(self, kind: type[Any], **more: Any) -> Any:
        """A stage, a reconciler or a page, as the installation builds it."""
        return self.installation.build(kind, **more)

    def person(self, name: str) -> Person:
        """One of `tests.support.people`, as of now."""
        return person(self.records, name)

    def put_policy(self, team: str = "default", **sections: Any) -> None:
        """The next version of a team's policy: sections of `policy.yaml`, such as `review={"approvers": 2}`."""
        with self.records.begin() as session:
            put_policy(session, team, PolicySpec.model_validate(sections), actor=ADMIN)

    def remove_person(self, name: str) -> None:
        """Somebody leaves."""
        with self.records.begin() as session:
            accounts.remove_person(session, name, actor=ADMIN)

    def set_role(self, name: str, team: str, role: str | None) -> None:
        """Somebody has another role in a team from now on; with None, none."""
        with self.records.begin() as session:
            accounts.set_role(session, name, team, None if role is None else Role(role), actor=ADMIN)

    # --- Submissions ---

    def code(self, spec: str = SPEC, script: str = "", expectations: str = EXPECTATIONS, scorer: str = "") -> str:
        """Digest of a stored code snapshot."""
        folder = self.home / "code"
        folder.mkdir()
        (folder / "model.yaml").write_text(spec)
        (folder / "train.py").write_text(script)
        (folder / "expectations.yaml").write_text(expectations)
        if scorer:
            (folder / "scorer.py").write_text(scorer)
        data, _ = pack(folder, 2**20)
        shutil.rmtree(folder)
        return self.installation.snapshots.put(data, 2**20)

    def submit(self, submitter: str = "ann", key: str = "1", code: str = "", **overrides: Any) -> str:
        """Id of an accepted submission; it becomes the bench's run. `__` in a name stands for a dot."""
        named = {name.replace("__", "."): value for name, value in overrides.items()}
        row, _ = self.installation.admission.admit(Request(self.person(submitter), code or self.code(), key, named))
        self.run = row.id
        return row.id

    def another_run(
        self, last: StageName | None, submitter: str = "ann", key: str = "another", **overrides: Any
    ) -> str:
        """Id of a second run that has done the stages up to `last`; the bench's own run stays the same."""
        own, run = self.run, self.submit(submitter, key, **overrides)
        self.run = own
        for stage in ORDER[: ORDER.index(last) + 1 if last else 0]:
            self.carry_out(stage, run)
        return run

    # --- One pass of a stage, with what the rest of the world does meanwhile ---

    def carry_out(self, stage: StageName, run: str = "") -> StageOutput:
        """Does one stage as its process would, from its beginning: doing it again must change nothing."""
        run = run or self.run
        match stage:
            case StageName.ADMIT:
                return self.build(Admit).run(Form(run, "ann", submission=run))[1]
            case StageName.TRAIN:
                return self._train(run)
            case StageName.REVIEW:
                review = self.build(ReviewStage)
                review.ask(run)
                review.reviews.give(run, Said("bob", Verdict.APPROVE, Door.CLI, "looks right"))
                return review.finish(run)
            case StageName.CANARY:
                self.build(Canary).start(run)
                if self.row(Rollout, run).phase is Phase.DEPLOYING:
                    self.set_rollout(Phase.PROMOTING, "all steps passed", run)
                return self.build(Canary).finish(run)
            case StageName.VALIDATE_DATA | StageName.PACKAGE | StageName.EVALUATE:
                return self.stepping.run(self.build(STEP_STAGES[stage]), run)
            case _:
                return self.build(STAGES[stage]).run(run)

    @property
    def stepping(self) -> Stepping:
        stepping = self.build(Stepping)
        assert isinstance(stepping, Stepping)
        return stepping

    def start_training(self, run: str = "", trial: int = 0) -> str:
        """Starts a trial unless it is done or at work; returns its run key."""
        train = self.build(Train)
        self.stepping.start(train, run or self.run, trial)
        return str(train.step(self.row(Submission, run or self.run), trial).run_key)

    def end_training(self, run: str, trial: int, key: str) -> StageOutput:
        """What a trial leaves; raises as the stage does when its step did not end well."""
        stage = self.build(STEP_STAGES[StageName.TRAIN])
        self.stepping.end(stage, run, trial, key)
        return self.stepping.finish(stage, run, trial)

    def _train(self, run: str) -> StageOutput:
        stage, stepping = self.build(STEP_STAGES[StageName.TRAIN]), self.stepping
        while (key := stepping.start(stage, run)) is not None:
            if self.launcher.status(key).phase in WAITING:
                self.finish_training(key)
            stepping.end(stage, run, 0, key)
        return stepping.finish(stage, run)

    def finish_training(self, key: str, metrics: bytes = METRICS, **model: Any) -> None:
        """The script saves the tiny model and ends well."""
        self.launcher.write(key, "trained\n", metrics)
        self.launcher.finish(key, saved_model(**model))

    def set_rollout(self, phase: Phase, reason: str = "", run: str = "") -> None:
        """The controller has brought the run's rollout here."""
        with self.records.begin() as session:
            row = session.get_one(Rollout, run or self.run)
            row.state, row.phase = {**row.state, "phase": str(phase), "reason": reason}, phase

    def serve(self, version: str, model: str = MODEL) -> None:
        """The gateway sends a model's requests to this version."""
        with self.records.begin() as session:
            session.merge(Endpoint(model=model, champion=version, updated=time.time()))

    # --- Records ---

    def row(self, kind: type[Any], *key: Any) -> Any:
        """One record, by its primary key (by the run's id when none is given); None when there is none."""
        with self.records.begin() as session:
            return session.get(kind, key or self.run)

    def rows(self, kind: type[Base]) -> list[Any]:
        with self.records.begin() as session:
            return list(session.scalars(select(kind)))

    def change(self, kind: type[Base], *key: Any, **values: Any) -> None:
        """Changes fields of one record by hand."""
        with self.records.begin() as session:
            row = session.get_one(kind, key or self.run)
            for name, value in values.items():
                setattr(row, name, value)

    def stage(self, stage: StageName, trial: int = 0, run: str = "") -> StageRecord:
        found = self.row(StageRecord, run or self.run, stage, trial)
        assert isinstance(found, StageRecord), f"stage {stage} has not begun"
        return found

    @property
    def submission(self) -> Submission:
        row = self.row(Submission)
        assert isinstance(row, Submission)
        return row

    def facts(self) -> dict[str, Any]:
        """Everything that is recorded anywhere, without times and random ids: what two ways to one end must agree on."""
        number = {run.id: place for place, run in enumerate(self.mlflow.runs.values())}
        return {
            "submissions": [
                (row.id, row.state, row.reason, row.dag_run, number.get(str(row.mlflow_run)))
                for row in self.rows(Submission)
            ],
            "stages": {
                (row.submission, row.name, row.trial): (row.state, row.detail, row.run_key, _timeless(row.output))
                for row in self.rows(StageRecord)
            },
            "candidates": [(row.submission, row.package, row.version, row.ready) for row in self.rows(Candidate)],
            "reviews": [(row.submission, row.state, row.reviewer, row.via, row.reason) for row in self.rows(Review)],
            "rollouts": [(row.submission, row.challenger, row.phase, row.command) for row in self.rows(Rollout)],
            "ledger": self.ledger(),
            "usage": [(row.run_key, row.submission) for row in self.rows(Usage)],
            "starts": self.launcher.starts,
            "mlflow runs": [
                (run.status, run.params, sorted((name, len(points)) for name, points in run.metrics.items()))
                for run in self.mlflow.runs.values()
            ],
            "artifacts": sorted(path.split("/", 2)[2] for path in self.mlflow.artifacts),
            "versions": {
                name: ([version.tags for version in model.versions.values()], model.aliases)
                for name, model in self.mlflow.models.items()
            },
        }

    def ledger(self) -> list[tuple[Any, ...]]:
        """Event, version, the version before, and who did it, oldest first."""
        rows = sorted(self.rows(LedgerEntry), key=lambda row: row.id)
        return [(row.event, row.version, row.previous, row.actor) for row in rows]


def settings_of(home: Path, **values: Any) -> Settings:
    """Settings of an installation in `home`, whose servers are nowhere."""
    texts = {field.name: "" for field in fields(Settings) if field.type == "str"}
    urls = {name: f"http://{name.removesuffix('_url')}.test" for name in ("api_url", "endpoint_url", "mlflow_url")}
    accounts = {"airflow": ACCOUNT, "mlflow": ACCOUNT}
    given = {
        **texts,
        **urls,
        **accounts,
        "xds_port": 0,
        "home": str(home),
        "airflow_secret": SECRET,
        "fernet_key": SPLITS,
        **values,
    }
    return Settings(**given)


def all_hold(frame: Any, expectations: list[Expectation], name: str, docs: Path) -> DataVerdict:
    """In place of Great Expectations, which takes seconds to import: every expectation holds."""
    page = docs / "validations" / "page.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html><head></head><body>all hold</body></html>")
    return DataVerdict(
        True, tuple(Check(kind, True, "as expected") for kind, _ in expectations), "validations/page.html"
    )


def _database_url(home: Path) -> str:
    return f"sqlite:///{home / 'jinsu.db'}"


def _make_equal(source: Path, target: Path) -> None:
    """Leaves in `target` what is in `source`, and nothing else; what they share already is not touched."""
    target.mkdir(parents=True, exist_ok=True)
    theirs = {path.relative_to(source): path for path in sorted(source.rglob("*"))}
    for path in sorted(target.rglob("*"), reverse=True):
        other = theirs.get(path.relative_to(target))
        if other is not None and (path.is_dir() if other.is_dir() else path.samefile(other)) and not path.is_symlink():
            continue
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    for name, path in theirs.items():
        place = target / name
        if path.is_dir():
            place.mkdir(exist_ok=True)
        elif not place.exists():
            _copy(path, place)


def _copy(source: Path, target: Path) -> None:
    """Objects never change, so a second name for them is as good as a copy, and costs nothing."""
    if "objects" in source.parts:
        target.hardlink_to(source)
    else:
        shutil.copyfile(source, target)


def _hurry(connection: Any, _record: Any) -> None:
    """No test survives a power cut."""
    connection.execute("PRAGMA synchronous=OFF")


def _timeless(output: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in output.items() if name != "latency"}, sort_keys=True)
