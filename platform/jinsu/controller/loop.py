"""The release loop: observe, decide, route, renew the lease, persist last.

What decides is pure (`advance`, `topology`). The loop carries observations in and states out; killed at any point, its
successor reads the same state and applies it once more. A loop whose controller was superseded publishes, renews, writes and
retires nothing any more: each of these asks the fence first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NoReturn

from jinsu.controller.changes import Changes
from jinsu.controller.model_servers import ModelServers
from jinsu.controller.observing import Observer
from jinsu.controller.pacing import Pace
from jinsu.controller.rollout_records import Decision, Desired, OpenRollout, RolloutRecords
from jinsu.controller.routing import LEASE_SECONDS, Router
from jinsu.deployers.deployer import Deployer
from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway.backend import Backend
from jinsu.gateway.discovery import XdsServer
from jinsu.gateway.statistics import Envoys
from jinsu.release.advance import advance
from jinsu.state.fence import Fence, FencedDatabase, SupersededError

log = logging.getLogger("jinsu.release")

PACE = Pace(busy=0.4, idle=3.0, tables=("endpoints", "rollouts"))
"""At rest a lease of 10 s is renewed every 3 s."""
_RENEWAL_SECONDS = 2.0
"""How often the row of the epoch is written at most."""


class Controller:
    """One pass of the loop is `step()`. Blocking work happens in a thread, so that discovery streams are always served."""

    def __init__(self, fence: Fence, deployer: Deployer, xds: XdsServer, envoys: Envoys, server_key: str = "") -> None:
        """server_key: what model servers on a network ask for; "" on one machine."""
        self._fence, self._database, self._renewed = fence, FencedDatabase(fence), -_RENEWAL_SECONDS
        self._xds, self._probe = xds, ServerProbe(server_key)
        self._records = RolloutRecords(self._database)
        self._servers = ModelServers(self._database, deployer)
        self._observer = Observer(self._servers, self._probe, envoys, xds)
        self._router = Router(self._servers, self._probe, xds, server_key)

    async def run(self, changes: Changes) -> NoReturn:
        """Raises SupersededError when another controller has begun."""
        pauses = changes.pauses(PACE)
        while True:
            busy, begun = True, time.monotonic()
            pauses.begin_pass()
            try:
                busy = await self.step()
            except SupersededError:
                raise
            except Exception:  # the lease must not be renewed, the loop must go on
                log.exception("the release loop failed; it is tried again")
            await pauses.wait(busy, spent=time.monotonic() - begun)

    async def step(self) -> bool:
        """Observes, decides, routes, renews, persists: in this order. Raises SupersededError when another controller has
        begun.

        Returns whether a change is under way: a rollout is open, a champion does not answer yet, or Envoy refuses a
        configuration, which may be right in a moment.
        """
        begun = time.monotonic()
        desired = await asyncio.to_thread(self._records.read)
        decisions = await asyncio.to_thread(self._decide, desired)
        routes = await asyncio.to_thread(self._router.routes, desired.champions, decisions)
        await asyncio.to_thread(self._confirm)
        self._router.publish(routes)
        self._xds.renew()
        await asyncio.to_thread(self._persist, decisions)
        await asyncio.to_thread(self._servers.retire, begun)
        return bool(desired.rollouts or self._xds.refused) or self._router.behind(desired.champions)

    def _confirm(self) -> None:
        """Raises SupersededError when another controller has begun; says every few seconds that this one lives."""
        if time.monotonic() - self._renewed >= _RENEWAL_SECONDS:
            self._fence.renew()
            self._renewed = time.monotonic()
        with self._database.begin():
            pass

    def in_use(self) -> set[str]:
        """Names of the backends that answer, or did a moment ago."""
        return self._servers.names() | self._router.serving()

    def adopt(self, patience: float = 20.0) -> None:
        """Takes over from a predecessor: servers that still run are known, those that are gone are started again.

        After a reboot no server runs, and no model is to blame for it: a rollout whose server had to be started begins
        its step anew instead of missing a deadline. patience: for how many seconds the servers are waited for.
        """
        running = self._servers.adopt(LEASE_SECONDS)
        desired = self._records.read()
        backends = [self._servers.deploy(model, version) for model, version in desired.champions.items()]
        for rollout in desired.rollouts:
            backend = self._servers.deploy(rollout.model, rollout.state.challenger)
            backends.append(backend)
            if backend is not None and backend.name not in running:
                self._records.begin_step_anew(rollout)
        self._wait_until_ready([backend for backend in backends if backend is not None], patience)

    def _wait_until_ready(self, backends: list[Backend], patience: float) -> None:
        deadline = time.monotonic() + patience
        while backends and time.monotonic() < deadline:
            backends = [backend for backend in backends if not self._probe.ready(backend)]
            time.sleep(0.05)

    def _decide(self, desired: Desired) -> list[Decision]:
        """The next state of every rollout. The challenger of one that is not over is deployed."""
        self._observer.forget(rollout.run for rollout in desired.rollouts)
        return [self._decide_one(desired, rollout) for rollout in desired.rollouts]

    def _decide_one(self, desired: Desired, rollout: OpenRollout) -> Decision:
        champion, successor = desired.champions.get(rollout.model), desired.successor(rollout)
        before = rollout.state
        after = advance(rollout.policy, before, self._observer.observe(rollout, champion, successor))
        if not after.terminal:
            self._servers.deploy(rollout.model, after.challenger)
        if (after.phase, after.step) != (before.phase, before.step):
            log.info("%s v%s: %s %s %s", rollout.model, after.challenger, after.phase, after.step, after.reason)
        return Decision(rollout, after)

    def _persist(self, decisions: list[Decision]) -> None:
        self._records.write(decisions)
