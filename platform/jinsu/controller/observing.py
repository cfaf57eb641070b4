"""What the release loop sees of a rollout: servers that answer, counters, the gateway, a reviewer's command."""

from __future__ import annotations

import time
from dataclasses import replace

import httpx

from jinsu.controller.model_servers import ModelServers
from jinsu.controller.rollout_records import OpenRollout
from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway.backend import Backend
from jinsu.gateway.discovery import XdsServer
from jinsu.gateway.statistics import Envoys, Tally
from jinsu.release.advance import Observation
from jinsu.release.gates import Counters


class Observer:
    """Asks the model servers, the Envoys and the discovery server; decides nothing."""

    def __init__(self, servers: ModelServers, probe: ServerProbe, envoys: Envoys, xds: XdsServer) -> None:
        self._servers, self._probe, self._envoys, self._xds = servers, probe, envoys, xds
        self._tally = Tally()

    def observe(self, rollout: OpenRollout, champion: str | None, superseded_by: str) -> Observation:
        """One look at a rollout. champion: the model's present one. superseded_by: the newer challenger, or ""."""
        challenger_server = self._servers.find(rollout.model, rollout.state.challenger)
        champion_server = self._servers.find(rollout.model, champion)
        counters = self._counters([server for server in (challenger_server, champion_server) if server is not None])
        return Observation(
            now=time.time(),
            challenger_ready=challenger_server is not None and self._probe.ready(challenger_server),
            champion_ready=champion_server is not None and self._probe.ready(champion_server),
            champion=champion,
            challenger_counters=counters.get(challenger_server.name) if challenger_server else None,
            champion_counters=counters.get(champion_server.name) if champion_server else None,
            followed=self._xds.followed(),
            superseded_by=superseded_by,
            command=rollout.command,
        )

    def _counters(self, backends: list[Backend]) -> dict[str, Counters]:
        """Counters by name of each backend that could be read; one that Envoy has not met yet has counted nothing."""
        if not backends:
            return {}
        try:
            totals = self._tally.add(self._envoys.read([backend.name for backend in backends]))
        except httpx.HTTPError:
            return {}
        counters = {}
        for backend in backends:
            non_finite = self._probe.non_finite(backend)
            if non_finite is not None:
                counters[backend.name] = replace(totals.get(backend.name, Counters()), non_finite=non_finite)
        return counters
