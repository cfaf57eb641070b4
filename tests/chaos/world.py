"""Runs in flight, their reviewers, and clients of every endpoint, on a platform whose processes are killed meanwhile."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from tests.chaos import victims
from tests.chaos.cases import Case, Victim
from tests.chaos.invariants import broken
from tests.chaos.matrix import Matrix
from tests.chaos.records import AtWork, Records
from tests.e2e.conftest import Platform

from jinsu.clients.supervisord import Supervisor
from jinsu.errors import JinsuError, TransientError
from jinsu.state.states import ReviewState

SLOTS = 5
STUCK_SECONDS = 240.0
"""A run is stuck whose stages have not changed for so long, since they changed last and since anything of it was killed."""
BACK_SECONDS = 90.0
"""How soon every server answers again."""
PROGRESS_SECONDS = 20.0
"""How long the next kill waits for some run to begin a stage."""
OUTAGE_SECONDS = 60.0
"""For how long an endpoint that has answered may not answer; kills go on meanwhile."""
VOID_SECONDS = 90.0
"""How long a case waits for a run in its stage with a process to kill."""
WINDOW = 40
"""How many cases wait for their moment at a time."""
PAUSE_SECONDS = 1.0
REST_SECONDS = 4.0
"""How long another server is left alone after it has come back."""
CARRIERS = (Victim.SCHEDULER, Victim.AIRFLOW_API, Victim.MLFLOW, Victim.POSTGRESQL)
"""Servers without which no run goes on. When they are killed faster than they start, nothing ever happens to a run."""


class KilledPlatform(Platform):
    """A platform whose doors may be shut for a while."""

    def answers(self, victim: Victim) -> bool:
        """Whether a server answers; one without a door runs."""
        doors = {
            Victim.API: f"{self.settings['api_url']}/health",
            Victim.MLFLOW: f"{self.settings['mlflow_url']}/health",
            Victim.ENVOY: f"{self.settings['envoy_admin_url']}/ready",
            Victim.AIRFLOW_API: f"{self.settings['airflow_url']}/api/v2/monitor/health",
        }
        if victim in doors:
            return httpx.get(doors[victim], timeout=5).is_success
        return self.supervisor.names().get(victims.PROGRAMS[victim]) == "RUNNING"

    @cached_property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.home, Path(self.settings["runtime"]), self.settings["supervisor_password"])

    def airflow_state(self, run: str) -> str:
        return str(self.airflow().get(f"/dags/lifecycle/dagRuns/{run}").json().get("state"))

    def trained_to_the_end(self, key: str) -> int:
        path = self.home / "objects" / "steps" / key / "metrics.jsonl"
        return path.read_text().count("trained_to_the_end") if path.exists() else 0

    def why(self, run: str) -> str:
        with suppress(httpx.HTTPError, ValueError):
            return str(self.run(run).get("why"))
        return "the API did not answer"


@dataclass
class World:
    """One chaos: `SLOTS` models, each with one run after the other, until the cases are done.

    seconds: after which no further case begins.
    """

    platform: KilledPlatform
    matrix: Matrix
    seconds: float = float("inf")
    slots: int = SLOTS
    stop: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    hits: dict[str, list[str]] = field(default_factory=dict)
    _hit_at: dict[str, float] = field(default_factory=dict)
    _misses: dict[int, int] = field(default_factory=dict)
    _recovering: set[Victim] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.records = Records(self.platform.settings["database_url"])
        self.models = [f"chaos-{slot}" for slot in range(self.slots)]

    def run(self, cases: Iterator[Case], kills: int) -> None:
        """Carries out cases until so many kills are done; returns when every run has ended and was looked at."""
        slots = [
            threading.Thread(target=self._guarded, args=(self._slot, slot), daemon=True) for slot in range(self.slots)
        ]
        clients = threading.Thread(target=self._guarded, args=(self._ask_endpoints,), daemon=True)
        for thread in (*slots, clients):
            thread.start()
        try:
            self._wait_for_champions()
            self._kill_all(cases, kills)
        finally:
            self.stop.set()
            for thread in slots:
                thread.join()
            self.done.set()
            clients.join()
        self._look_at_the_end()

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as problem:
            self.matrix.broken.append(f"the harness failed in {work.__name__}: {type(problem).__name__}: {problem}")

    def _wait_for_champions(self) -> None:
        """Before the first kill, so that there is somebody to kill, and an endpoint that must go on to answer."""
        deadline = time.monotonic() + 120
        while len(self.records.champions()) < 2 and time.monotonic() < deadline:
            time.sleep(0.3)

    # --- Kills ---

    def _kill_all(self, cases: Iterator[Case], kills: int) -> None:
        """Ends when so many were killed. A case whose process is never there is noted as void, and gives way to the next."""
        waiting, since = dict[int, Case](), dict[int, float]()
        deadline = time.monotonic() + self.seconds
        while self.matrix.kills.total() < kills and time.monotonic() < deadline:
            while len(waiting) < min(WINDOW, kills - self.matrix.kills.total()):
                case = next(cases)
                waiting[case.number], since[case.number] = case, time.monotonic()
                self.matrix.last = case.number
            done = self._one_kill([case for case in waiting.values() if self._rested(case)])
            if done is not None:
                del waiting[done.number]
                if done.victim in self._recovering:
                    threading.Thread(target=self._guarded, args=(self._recover, done), daemon=True).start()
                self._let_some_run_go_on()
            for late in [each for each in waiting.values() if time.monotonic() - since[each.number] > VOID_SECONDS]:
                del waiting[late.number]
                self.matrix.count(late, False)
            time.sleep(0.03)

    def _let_some_run_go_on(self) -> None:
        """One stage begins between two kills, so that the runs live on however slow the machine is."""
        begun = time.time()
        time.sleep(PAUSE_SECONDS)
        _within(PROGRESS_SECONDS, lambda: self.records.begun_since(begun))

    def _rested(self, case: Case) -> bool:
        """Whether the victim, or any server that every run needs if it is one, has come back since the last kill."""
        group = CARRIERS if case.victim in CARRIERS else (case.victim,)
        return not self._recovering.intersection(group)

    def _recover(self, case: Case) -> None:
        """Waits until the server answers again."""
        if not _within(BACK_SECONDS, lambda: self.platform.answers(case.victim)):
            self.matrix.broken.append(f"{case.title}: the server did not answer again within {BACK_SECONDS:g} s")
        time.sleep(REST_SECONDS * (3 if case.victim in CARRIERS else 1))
        self._recovering.discard(case.victim)

    def _one_kill(self, cases: list[Case]) -> Case | None:
        """Kills the victim of the first case whose stage a run is in, and which has a process."""
        at_work = self._at_work()
        random.shuffle(at_work)
        for case in cases:
            for found in at_work:
                if found.stage is case.stage and self._kill(case, found):
                    return case
        return None

    def _kill(self, case: Case, found: AtWork) -> bool:
        misses = self._misses[case.number] = self._misses.get(case.number, -1) + 1
        time.sleep(case.delay * 0.5**misses)
        with suppress(OSError):  # supervisord is asked
            if found.run in {each.run for each in self._at_work() if each.stage is case.stage}:
                if not victims.kill(self.platform, case, found.run, found.model, found.key):
                    return False
                self.matrix.count(case, True)
                if case.victim in victims.PROGRAMS:
                    self._recovering.add(case.victim)
                print(f"{case.title} {found.run}", flush=True)
                shared = case.victim in victims.PROGRAMS
                for run in {each.run for each in self._at_work()} if shared else {found.run}:
                    self.hits.setdefault(run, []).append(case.title)
                    self._hit_at[run] = time.monotonic()
                return True
        return False

    def _at_work(self) -> list[AtWork]:
        with suppress(TransientError):
            return self.records.at_work()
        return []

    # --- Runs ---

    def _slot(self, slot: int) -> None:
        chance, number = random.Random(f"{self.matrix.seed}:{self.matrix.first}:{slot}"), 0
        while not self.stop.is_set():
            number += 1
            note = f"{self.matrix.seed}-{self.matrix.first}-{slot}-{number}"
            verdict = chance.choice(("approve", "approve", "approve", "none", "reject"))
            run = self._submit(self.models[slot], note, verdict)
            self._attend(run, verdict, chance.uniform(0.2, 3.0))

    def _submit(self, model: str, note: str, verdict: str) -> str:
        """The same key again and again until the API answers: it must be one run."""
        deadline = time.monotonic() + 120
        while True:
            try:
                return self.platform.submit(
                    model, key=f"chaos-{note}", review="none" if verdict == "none" else "", note=note
                )
            except (httpx.HTTPError, AssertionError) as problem:
                if time.monotonic() > deadline:
                    raise AssertionError(f"no submission was taken for two minutes: {problem}") from problem
                time.sleep(0.5)

    def _attend(self, run: str, verdict: str, hesitation: float) -> None:
        """Reviews the run, waits for its end, and looks whether it kept all promises."""
        changed, seen, answered, asked = time.monotonic(), "", False, None
        while (row := self.records.submission(run)).ended is None:
            if (now := self.records.progress(run)) != seen:
                changed, seen = time.monotonic(), now
            if time.monotonic() - max(changed, self._hit_at.get(run, 0.0)) > STUCK_SECONDS:
                self._break(run, f"the run is stuck: nothing has changed for {STUCK_SECONDS:g} s after {seen}")
                return
            if not answered and verdict != "none":
                review = self.records.review(run)
                if review is not None and review.state is ReviewState.OPEN:
                    asked = asked or time.monotonic()
                    answered = time.monotonic() - asked > hesitation and self._answer(run, verdict)
            time.sleep(0.3)
        self.matrix.ends[f"{row.state}: {_kind(row.reason or '')}"] += 1
        for sentence in broken(self.platform, self.records.facts(run)):
            self._break(run, sentence)

    def _answer(self, run: str, verdict: str) -> bool:
        with suppress(httpx.HTTPError):
            body = {"verdict": verdict, "reason": "by the fault matrix"}
            return self.platform.api_as("rita").post(f"/reviews/{run}", json=body).status_code in (200, 409)
        return False

    def _break(self, run: str, sentence: str) -> None:
        hits = ", ".join(self.hits.get(run, [])) or "none"
        told = f"{run}: {sentence}. Kills while it was under way: {hits}. why: {self.platform.why(run)}"
        print(f"BROKEN {told}", flush=True)
        self.matrix.broken.append(told)

    # --- Clients ---

    def _ask_endpoints(self) -> None:
        """Asks every endpoint in turn, for the canaries to have traffic; remembers how long one did not answer."""
        chance, answered = random.Random(0), dict[str, float]()
        with httpx.Client(timeout=5) as client:
            while not self.done.wait(0.02):
                for model in self.models:
                    row = [chance.gauss(0, 1), chance.gauss(0, 1)]
                    try:
                        status = client.post(self.platform.url(model), json={"inputs": [row]}).status_code
                    except httpx.HTTPError:
                        status = 0
                    if status != 200 and model not in answered:
                        continue  # it has no champion yet
                    now = time.monotonic()
                    self.matrix.answers[str(status)] += 1
                    outage = now - answered.get(model, now)
                    self.matrix.outages[model] = max(self.matrix.outages.get(model, 0.0), outage)
                    if status == 200:
                        answered[model] = now

    def _look_at_the_end(self) -> None:
        """What concerns no single run."""
        broken = self.matrix.broken
        broken += [f"the ledger: {fault}" for fault in self.records.ledger_faults()]
        for model, seconds in self.matrix.outages.items():
            if seconds > OUTAGE_SECONDS:
                broken.append(f"the endpoint of {model} did not answer for {seconds:.0f} s")
        for model, version in self.records.champions().items():
            if not _within(40, lambda model=model, version=version: self.platform.answering(model) == version):
                broken.append(f"version {version} is the champion of {model}, and its endpoint does not answer with it")


def _within(seconds: float, look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError, JinsuError, OSError):
            if look():
                return True
        time.sleep(0.3)
    return False


def _kind(reason: str) -> str:
    """A reason without what differs between runs."""
    return re.sub(r"\d+(\.\d+)?", "N", reason)[:110]
