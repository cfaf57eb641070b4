"""MLflow's own application, its permissions, and whose request it answers. The only module that imports MLflow."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from jinsu.errors import TransientError
from jinsu.web.asgi_types import App

AUTHORIZATION = f"{__name__}:authorization"
"""The function that MLflow asks for the user of a request."""

_KINDS = ("experiment", "registered_model", "prompt")
_READ = "READ"
_user: ContextVar[str] = ContextVar("user", default="")


@contextmanager
def acting_as(user: str) -> Iterator[None]:
    """While this lasts, a request that is given to MLflow is this user's; with "", nobody's.

    No header says so, so none can be forged.
    """
    before = _user.set(user)
    try:
        yield
    finally:
        _user.reset(before)


def authorization() -> Any:
    """MLflow calls this for the user of the present request."""
    from werkzeug.datastructures import Authorization
    from werkzeug.wrappers import Response

    user = _user.get()
    if not user:
        return Response("nobody is signed in", 401)
    return Authorization("basic", {"username": user, "password": ""})


def create_mlflow() -> App:
    """The application, with its databases opened. MLflow reads its configuration from the environment when imported."""
    from mlflow.server.auth import create_app

    application: App = create_app()
    return application


@dataclass(frozen=True)
class Permissions:
    """Who may read which models, in MLflow's own tables. Experiments have the names of their models."""

    _experiments: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def let_read(self, user: str, models: frozenset[str] | None) -> None:
        """Lets a user read these models and nothing else; None for everything. Makes the user when needed.

        Raises TransientError when MLflow's database does not answer.
        """
        from mlflow.exceptions import MlflowException

        try:
            with self._lock:
                self._set(user, self._wanted(models))
        except MlflowException as problem:
            raise TransientError(f"MLflow could not record what {user} may read; try again.") from problem

    def take_all(self, user: str) -> None:
        """Takes every permission from a user, if there is such a user."""
        from mlflow.server.auth import store

        if store.has_user(user):
            self.let_read(user, frozenset())

    def _wanted(self, models: frozenset[str] | None) -> set[tuple[str, str, str]]:
        if models is None:
            return {(kind, "*", _READ) for kind in _KINDS}
        found = {("registered_model", name, _READ) for name in models}
        return found | {("experiment", number, _READ) for number in map(self._experiment, models) if number}

    def _experiment(self, name: str) -> str | None:
        """An experiment's number never changes, and the platform renames none."""
        from mlflow.server.handlers import _get_tracking_store

        if name not in self._experiments:
            experiment = _get_tracking_store().get_experiment_by_name(name)
            if experiment is None:
                return None
            self._experiments[name] = str(experiment.experiment_id)
        return self._experiments[name]

    def _set(self, name: str, wanted: set[tuple[str, str, str]]) -> None:
        from mlflow.server.auth import store

        if not store.has_user(name):
            store.create_user(name, secrets.token_urlsafe(32))  # nobody knows the password
        user = store.get_user(name)
        if user.is_admin:
            store.update_user(name, is_admin=False)
        held = set()
        for role in store.list_user_roles(user.id):
            if role.name != f"__user_{user.id}__":  # where MLflow keeps what was given to one user
                store.unassign_role_from_user(user.id, role.id)
                continue
            for item in role.permissions:
                grant = (item.resource_type, item.resource_pattern, item.permission)
                if grant in wanted:
                    held.add(grant)
                else:
                    store.remove_role_permission(item.id)
        for kind, pattern, permission in sorted(wanted - held):
            store.grant_user_permission(name, kind, pattern, permission)
