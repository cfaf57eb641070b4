"""The release loop: observe, decide, apply absolute weights, renew the lease, persist last.

Everything that decides is pure (`advance`, `topology`); this module only carries facts in and states out. Killed at any
point, its successor reads the same state and applies it once more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict, dataclass, replace

import httpx
from sqlalchemy import select

from jinsu.deployers.deployer import Deployer
from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway import topology
from jinsu.gateway.backend import Backend
from jinsu.gateway.discovery import CLUSTER, ROUTE, RUNTIME, XdsServer
from jinsu.gateway.statistics import Envoys, Tally
from jinsu.gateway.topology import Route
from jinsu.registry.candidates import package_of
from jinsu.release.advance import TERMINAL, Observation, Phase, State, advance, weight
from jinsu.release.command import Command
from jinsu.release.gates import Counters
from jinsu.release.records import policy_from, state_from
from jinsu.state.database import Database
from jinsu.state.tables import Endpoint, LedgerEntry, Rollout

log = logging.getLogger("jinsu.release")

LEASE_SECONDS = 10.0
LOOP_SECONDS = 0.4
_LINGER_SECONDS = 6.0


@dataclass(frozen=True)
class World:
    """What the database says should be: champions, and rollouts that are not over, oldest first."""

    champions: dict[str, str]
    rollouts: tuple[Rollout, ...]


class Controller:
    """One pass of the loop is `step()`. Blocking work happens in a thread, so that discovery streams are always served."""

    def __init__(
        self, database: Database, deployer: Deployer, xds: XdsServer, envoys: Envoys, server_key: str = ""
    ) -> None:
        self._database, self._deployer, self._xds = database, deployer, xds
        self._envoys, self._tally, self._key = envoys, Tally(), server_key
        self._probe = ServerProbe(server_key)
        self._lingering: dict[str, tuple[Backend, float]] = {}
        self._backends: dict[str, Backend] = {}
        self._serving: dict[str, Backend] = {}

    async def run(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                await self.step()
            except Exception:  # the lease must not be renewed, the loop must go on
                log.exception("the release loop failed; it is tried again")
            await asyncio.sleep(max(0.05, LOOP_SECONDS - (time.monotonic() - begun)))

    async def step(self) -> None:
        """Observes, decides, applies, renews, persists: in this order."""
        world = await asyncio.to_thread(self._read)
        decided = await asyncio.to_thread(self._decide, world)
        routes = await asyncio.to_thread(self._routes, world, decided)
        self.publish(routes)
        self._xds.renew()
        await asyncio.to_thread(self._persist, decided)
        await asyncio.to_thread(self._retire, routes)

    def publish(self, routes: list[Route]) -> None:
        """Clusters grow before routes name them and shrink after."""
        now = time.monotonic()
        wanted = {b.name: b for route in routes for b in (route.champion, route.challenger) if b is not None}
        for name, backend in wanted.items():
            self._lingering[name] = (backend, now + _LINGER_SECONDS)
        kept = [Route(backend.model, backend) for backend, until in self._lingering.values() if until > now]
        self._xds.publish(CLUSTER, topology.clusters([*routes, *kept]))
        # Weights before routes: a route that names the champion alone is refused while a weight of zero for it holds.
        self._xds.publish(RUNTIME, topology.runtime(routes), ttl=LEASE_SECONDS)
        self._xds.publish(ROUTE, topology.routes(routes, self._key))

    def in_use(self) -> set[str]:
        """Names of the backends that answer, or did a moment ago."""
        return {*self._lingering, *(backend.name for backend in self._serving.values())}

    def _read(self) -> World:
        with self._database.begin() as session:
            champions = {row.model: row.champion for row in session.scalars(select(Endpoint))}
            rollouts = session.scalars(
                select(Rollout).where(Rollout.phase.not_in(tuple(TERMINAL))).order_by(Rollout.created)
            )
            return World(champions, tuple(rollouts))

    def _decide(self, world: World) -> list[tuple[Rollout, State]]:
        newest = {row.model: row for row in world.rollouts}
        decided = []
        for row in world.rollouts:
            policy = policy_from(row.policy)
            state = state_from(row.state, policy)
            superseded = "" if newest[row.model] is row else newest[row.model].challenger
            seen = self._observe(row, state, world.champions.get(row.model), superseded)
            after = advance(policy, state, seen)
            if not after.terminal:
                self._deploy(row.model, after.challenger)
            if after.phase is not state.phase or after.step != state.step:
                log.info("%s v%s: %s %s %s", row.model, after.challenger, after.phase, after.step, after.reason)
            decided.append((row, after))
        return decided

    def _observe(self, row: Rollout, state: State, champion: str | None, superseded: str) -> Observation:
        ours, theirs = self._known(row.model, state.challenger), self._known(row.model, champion)
        counters = self._counters([backend for backend in (ours, theirs) if backend is not None])
        return Observation(
            now=time.time(),
            challenger_ready=ours is not None and self._probe.ready(ours),
            champion_ready=theirs is not None and self._probe.ready(theirs),
            champion=champion,
            challenger_counters=counters.get(ours.name) if ours else None,
            champion_counters=counters.get(theirs.name) if theirs else None,
            followed=self._xds.followed(),
            superseded_by=superseded,
            command=Command.decode(row.command),
        )

    def _known(self, model: str, version: str | None) -> Backend | None:
        return self._backends.get(Backend(model, version).name) if version else None

    def _counters(self, backends: list[Backend]) -> dict[str, Counters]:
        """Counters of each backend that could be read; one that Envoy has not met yet has counted nothing."""
        try:
            counted = self._tally.add(self._envoys.read([backend.name for backend in backends])) if backends else {}
        except httpx.HTTPError:
            return {}
        found = {}
        for backend in backends:
            non_finite = self._probe.non_finite(backend)
            if non_finite is not None:
                found[backend.name] = replace(counted.get(backend.name, Counters()), non_finite=non_finite)
        return found

    def _deploy(self, model: str, version: str) -> Backend | None:
        with self._database.begin() as session:
            run_key = package_of(session, model, version)
        if run_key is None:
            log.error("%s v%s: its package is not known; it cannot be deployed", model, version)
            return None
        backend = self._deployer.deploy(model, version, run_key)
        self._backends[backend.name] = backend
        return backend

    def _routes(self, world: World, decided: list[tuple[Rollout, State]]) -> list[Route]:
        """The data plane that follows from the state: a route for each champion, with its challenger if there is one."""
        challengers = {row.model: state for row, state in decided if not state.terminal}
        routes = []
        for model, version in sorted(world.champions.items()):
            champion = self._deploy(model, version)
            if champion is None:
                continue
            before = self._serving.get(model)
            if before is not None and before != champion and not self._probe.ready(champion):
                champion = before  # it goes on until the version that was named answers
            self._serving[model] = champion
            route = Route(model, champion)
            if model in challengers:
                state = challengers[model]
                backend = self._known(model, state.challenger)
                if backend is not None and backend != champion:
                    route = replace(route, challenger=backend, weight=weight(state))
            routes.append(route)
        return routes

    def _persist(self, decided: list[tuple[Rollout, State]]) -> None:
        for row, state in decided:
            document = asdict(state)
            if document == row.state:
                continue
            with self._database.begin() as session:
                kept = session.get(Rollout, row.submission, with_for_update=True)
                assert kept is not None
                kept.state, kept.phase, kept.updated = document, state.phase, time.time()
                if kept.command == row.command:
                    kept.command = ""
                if state.phase in (Phase.REVERTED, Phase.HALTED) and row.phase != state.phase:
                    session.add(
                        LedgerEntry(
                            at=time.time(),
                            model=row.model,
                            event=str(state.phase),
                            version=state.challenger,
                            previous=state.champion,
                            actor="jinsu",
                            submission=row.submission,
                            evidence=None,
                            detail=state.reason,
                            identity=f"{state.phase}:{row.submission}:{state.since}",
                        )
                    )

    def _retire(self, routes: list[Route]) -> None:
        """Stops servers that no route has named for a while; whatever was in flight has ended by then."""
        now = time.monotonic()
        for name, (backend, until) in list(self._lingering.items()):
            if until + 1.0 < now:
                del self._lingering[name]
                self._backends.pop(name, None)
                self._deployer.retire(backend)

    def adopt(self, patience: float = 20.0) -> None:
        """Takes over from a predecessor: servers that it left running are known, those that are gone are started again.

        After a reboot nothing runs. That is nobody's fault, so rollouts whose servers had to be started begin their
        step anew instead of missing a deadline.
        """
        running = self._deployer.deployed()
        for name in running:
            named = Backend.parse(name)
            if (backend := self._deploy(named.model, named.version)) is not None:
                self._lingering[name] = (backend, time.monotonic() + LEASE_SECONDS)
        world = self._read()
        wanted = [self._deploy(model, version) for model, version in world.champions.items()]
        for row in world.rollouts:
            backend = self._deploy(row.model, row.challenger)
            wanted.append(backend)
            if backend is not None and backend.name not in running:
                self._begin_step_anew(row)
        deadline = time.monotonic() + patience
        waiting = [backend for backend in wanted if backend is not None]
        while waiting and time.monotonic() < deadline:
            waiting = [backend for backend in waiting if not self._probe.ready(backend)]
            time.sleep(0.05)

    def _begin_step_anew(self, row: Rollout) -> None:
        with self._database.begin() as session:
            kept = session.get(Rollout, row.submission, with_for_update=True)
            if kept is not None:
                kept.state = {**kept.state, "since": 0.0}
