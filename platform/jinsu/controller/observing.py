"""What the release loop sees of a rollout: servers that answer, counters, the gateway, a reviewer's command."""

from __future__ import annotations

import time
from collections.abc import Iterable

import httpx

from jinsu.controller.model_servers import ModelServers
from jinsu.controller.rollout_records import OpenRollout
from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway.backend import Backend
from jinsu.gateway.discovery import XdsServer
from jinsu.gateway.statistics import Envoys
from jinsu.release.advance import Observation
from jinsu.release.counters import Arms, Counters, Readings

_GAP_SECONDS = 8.0
"""After so long without a look the weights of a rollout may have ended: they are a lease of ten seconds."""


class Observer:
    """Asks the model servers, the Envoys and the discovery server; decides nothing."""

    def __init__(self, servers: ModelServers, probe: ServerProbe, envoys: Envoys, xds: XdsServer) -> None:
        self._servers, self._probe, self._envoys, self._xds = servers, probe, envoys, xds
        self._looked: dict[str, float] = {}
        self._non_finite: dict[str, int] = {}

    def observe(self, rollout: OpenRollout, champion: str | None, superseded_by: str) -> Observation:
        """One look at a rollout. champion: the model's present one. superseded_by: the newer challenger, or ""."""
        challenger_server = self._servers.find(rollout.model, rollout.state.challenger)
        champion_server = self._servers.find(rollout.model, champion)
        return Observation(
            now=time.time(),
            elapsed=self._elapsed(rollout.run),
            challenger_ready=challenger_server is not None and self._probe.ready(challenger_server),
            champion_ready=champion_server is not None and self._probe.ready(champion_server),
            champion=champion,
            readings=self._readings(champion_server, challenger_server),
            followed=self._xds.followed(),
            superseded_by=superseded_by,
            command=rollout.command,
        )

    def _elapsed(self, run: str) -> float | None:
        """Seconds since this controller looked at the rollout; None when that is too long ago, or has never been."""
        now = time.monotonic()
        before, self._looked[run] = self._looked.get(run), now
        return None if before is None or now - before > _GAP_SECONDS else now - before

    def _readings(self, champion: Backend | None, challenger: Backend | None) -> Readings | None:
        """What each Envoy and each model server has counted; None when they could not all be read."""
        backends = [backend for backend in (champion, challenger) if backend is not None]
        if not backends:
            return {}
        try:
            envoys = self._envoys.read([backend.name for backend in backends])
        except httpx.HTTPError:
            return None
        if not all(self._note_non_finite(backend) for backend in backends):
            return None
        # A backend that Envoy has not met yet has counted nothing.
        readings = {
            address: Arms(*(counted.get(_name(backend), Counters()) for backend in (champion, challenger)))
            for address, counted in envoys.items()
        }
        servers = (Counters(non_finite=self._non_finite.get(_name(backend), 0)) for backend in (champion, challenger))
        return {**readings, "model servers": Arms(*servers)}

    def _note_non_finite(self, backend: Backend) -> bool:
        """Keeps the largest number that a server of this version told; False when none answers."""
        found = self._probe.non_finite(backend)
        if found is not None:
            self._non_finite[backend.name] = max(found, self._non_finite.get(backend.name, 0))
        return found is not None

    def forget(self, runs: Iterable[str]) -> None:
        """Keeps nothing but what is known of these rollouts."""
        kept = set(runs)
        self._looked = {run: when for run, when in self._looked.items() if run in kept}


def _name(backend: Backend | None) -> str:
    return "" if backend is None else backend.name
