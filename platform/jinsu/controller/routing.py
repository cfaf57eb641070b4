"""Derives the gateway's routes from champions and rollouts, and publishes them to the Envoys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jinsu.controller import model_servers
from jinsu.controller.model_servers import ModelServers
from jinsu.controller.rollout_records import Decision
from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway import topology
from jinsu.gateway.backend import Backend
from jinsu.gateway.discovery import CLUSTER, ROUTE, RUNTIME, XdsServer
from jinsu.gateway.topology import Route
from jinsu.release.advance import State, weight

LEASE_SECONDS = 10.0
"""For how long Envoy goes on with the weights when nobody renews them; then the champion gets everything."""


class Router:
    """A route for each champion, with the model's challenger if there is one."""

    def __init__(self, servers: ModelServers, probe: ServerProbe, xds: XdsServer, server_key: str) -> None:
        """server_key: what model servers on a network ask for; "" on one machine."""
        self._servers, self._probe, self._xds, self._server_key = servers, probe, xds, server_key
        self._serving: dict[str, Backend] = {}

    def routes(self, champions: Mapping[str, str], decisions: Iterable[Decision]) -> list[Route]:
        """champions: version by model. Deploys each champion that is not running."""
        rollouts = {item.rollout.model: item.state for item in decisions if not item.state.terminal}
        routes = [self._route(model, version, rollouts.get(model)) for model, version in sorted(champions.items())]
        return [route for route in routes if route is not None]

    def publish(self, routes: list[Route]) -> None:
        """Clusters grow before routes name them and shrink after."""
        named = [backend for route in routes for backend in route.backends]
        self._servers.need(named, model_servers.LINGER_SECONDS)
        lingering = [Route(backend.model, backend) for backend in self._servers.needed()]
        self._xds.publish(CLUSTER, topology.clusters([*routes, *lingering]))
        # Weights before routes: a route that names the champion alone is refused while a weight of zero for it holds.
        self._xds.publish(RUNTIME, topology.runtime(routes), ttl=LEASE_SECONDS)
        self._xds.publish(ROUTE, topology.routes(routes, self._server_key))

    def serving(self) -> set[str]:
        """Names of the backends that answer for the champions."""
        return {backend.name for backend in tuple(self._serving.values())}

    def behind(self, champions: Mapping[str, str]) -> bool:
        """Whether a model is still served by its champion's predecessor."""
        return any(
            self._servers.find(model, version) != self._serving.get(model) for model, version in champions.items()
        )

    def _route(self, model: str, version: str, rollout: State | None) -> Route | None:
        champion = self._champion(model, version)
        if champion is None:
            return None
        challenger = None if rollout is None else self._servers.find(model, rollout.challenger)
        if rollout is None or challenger is None or challenger == champion:
            return Route(model, champion)
        return Route(model, champion, challenger, weight(rollout))

    def _champion(self, model: str, version: str) -> Backend | None:
        """The champion's backend; that of its predecessor for as long as the champion does not answer."""
        champion = self._servers.deploy(model, version)
        if champion is None:
            return None
        predecessor = self._serving.get(model, champion)
        if predecessor != champion and not self._probe.ready(champion):
            return predecessor
        self._serving[model] = champion
        return champion
