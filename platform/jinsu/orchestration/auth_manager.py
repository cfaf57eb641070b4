"""Airflow's auth manager: people, teams and roles of Jinsu decide what a person may do in Airflow.

The decisions are in `permissions`, the pages of signing in and out in `sign_in_pages`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from airflow.api_fastapi.app import AUTH_MANAGER_FASTAPI_APP_PREFIX
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager

from jinsu import settings as configuration
from jinsu.orchestration.permissions import Platform, Thing, may_find, may_see, may_touch, may_touch_dag
from jinsu.orchestration.recent_people import RecentPeople
from jinsu.orchestration.signed_in import SignedIn, claims_of, from_claims
from jinsu.state.database import Database
from jinsu.web.unavailable import Unavailable


class JinsuAuthManager(BaseAuthManager[SignedIn]):  # type: ignore[misc]
    """Airflow asks it who holds a token, and whether that person may do something.

    A token names a person and nothing else: roles are read from Jinsu's database, at most every few seconds.
    """

    @cached_property
    def database(self) -> Database:
        return Database(configuration.load().database_url)

    @cached_property
    def people(self) -> RecentPeople:
        return RecentPeople(self.database)

    # --- Who it is ---

    def deserialize_user(self, token: dict[str, Any]) -> SignedIn:
        return from_claims(token, self.people)

    def serialize_user(self, user: SignedIn) -> dict[str, Any]:
        return claims_of(user)

    def get_url_login(self, **kwargs: Any) -> str:
        address = f"{AUTH_MANAGER_FASTAPI_APP_PREFIX}/login"
        next_url = kwargs.get("next_url")
        return f"{address}?{urlencode({'next': next_url})}" if next_url else address

    def get_url_logout(self) -> str:
        return f"{AUTH_MANAGER_FASTAPI_APP_PREFIX}/logout"

    def get_fastapi_middlewares(self) -> list[tuple[Any, dict[str, Any]]]:
        """Around all of Airflow's API: whoever asks while Jinsu's database is away stays signed in, and reads why."""
        return [*super().get_fastapi_middlewares(), (Unavailable, {})]

    def get_fastapi_app(self) -> Any:
        from jinsu.orchestration.sign_in_pages import pages

        return pages(self, configuration.load())

    # --- What they may do ---

    def is_authorized_dag(self, *, method: str, user: SignedIn, access_entity: Any = None, details: Any = None) -> bool:
        entity = None if access_entity is None else str(access_entity.name)
        return may_touch_dag(user.caller, str(method), entity, None if details is None else details.id)

    def is_authorized_configuration(self, *, method: str, user: SignedIn, details: Any = None) -> bool:
        return may_touch(user.caller, str(method), Thing.CONFIGURATION)

    def is_authorized_connection(self, *, method: str, user: SignedIn, details: Any = None) -> bool:
        return may_touch(user.caller, str(method), Thing.CONNECTION)

    def is_authorized_variable(self, *, method: str, user: SignedIn, details: Any = None) -> bool:
        return may_touch(user.caller, str(method), Thing.VARIABLE)

    def is_authorized_pool(self, *, method: str, user: SignedIn, details: Any = None) -> bool:
        return may_touch(user.caller, str(method), Thing.POOL)

    def is_authorized_asset(self, *, method: str, user: SignedIn, details: Any = None) -> bool:
        return may_touch(user.caller, str(method), Thing.ASSET)

    def is_authorized_asset_alias(self, *, method: str, user: SignedIn, details: Any = None) -> bool:
        return may_touch(user.caller, str(method), Thing.ASSET)

    def is_authorized_team(self, *, method: str, user: SignedIn, details: Any = None) -> bool:
        """Airflow's own teams, which the platform does not use: each team has a DAG instead."""
        return isinstance(user.caller, Platform) or user.caller.admin

    def is_authorized_view(self, *, access_view: Any, user: SignedIn) -> bool:
        return may_see(user.caller, str(access_view.name))

    def is_authorized_custom_view(self, *, method: str, resource_name: str, user: SignedIn) -> bool:
        return may_see(user.caller, resource_name)

    def filter_authorized_menu_items(self, menu_items: list[Any], *, user: SignedIn) -> list[Any]:
        return [item for item in menu_items if may_find(user.caller, str(item.value))]
