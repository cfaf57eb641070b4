"""People over HTTP. Only administrators add and remove them."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import select

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.sign_in import require_local_accounts
from jinsu.errors import BadInputError, ForbiddenError
from jinsu.identity import accounts
from jinsu.identity.people import Person
from jinsu.identity.sign_in import with_password
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.tables import Membership


@dataclass(frozen=True)
class People:
    """Accounts listed, added, removed and changed."""

    settings: Settings
    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/users", tags=["people"])
        router.get("")(self.list)
        router.post("")(self.add)
        router.delete("/{name}")(self.remove)
        router.put("/{name}/admin")(self.set_admin)
        router.put("/{name}/password")(self.set_password)
        router.put("/{name}/subject")(self.link)
        return router

    def list(self, who: Known) -> list[models.User]:
        """Everybody who has not left, by name. Memberships are shown in the asker's teams; administrators see all."""
        with self.database.begin() as session:
            people = accounts.known_people(session)
            members = session.scalars(select(Membership)).all()
        seen = [member for member in members if who.admin or member.team in who.teams]
        return [
            models.User(
                name=account.name,
                admin=account.admin,
                teams={member.team: member.role for member in seen if member.person == account.name},
                password=account.password is not None,
                linked=account.subject is not None,
                created=account.created,
            )
            for account in people
        ]

    def add(self, body: models.UserBody, who: Known) -> models.Done:
        """Adds a person, or lets one who had left come back without the former roles and tokens."""
        who.require_admin()
        if body.password is not None:
            require_local_accounts(self.settings)
        with self.database.begin() as session:
            accounts.add_person(session, body.name, actor=who.name, admin=body.admin, password=body.password)
        return models.Done(done=f"{body.name} has an account. Next: jinsu team set-role TEAM {body.name} ROLE")

    def remove(self, name: str, who: Known) -> models.Done:
        """Ends a person's account, tokens, sessions and memberships. What the person did stays under the name."""
        who.require_admin()
        with self.database.begin() as session:
            accounts.remove_person(session, name, actor=who.name)
        return models.Done(done=f"{name} has no account, token or role any more.")

    def set_admin(self, name: str, body: models.AdminBody, who: Known) -> models.Done:
        """Makes a person an administrator, or one no longer."""
        who.require_admin()
        with self.database.begin() as session:
            accounts.set_admin(session, name, body.admin, actor=who.name)
        return models.Done(done=f"{name} is {'an' if body.admin else 'no'} administrator.")

    def set_password(self, name: str, body: models.PasswordBody, who: Known) -> models.Done:
        """Gives a local account a password, which ends its sessions. People change their own; administrators any."""
        require_local_accounts(self.settings)
        if not who.admin:
            self._require_own(who, name, body.current)
        with self.database.begin() as session:
            accounts.set_password(session, name, body.password, actor=who.name)
        return models.Done(done=f"{name} has a new password.")

    def link(self, name: str, body: models.LinkBody, who: Known) -> models.Done:
        """Connects an account with a person of the identity provider, who signs in to it from now on."""
        who.require_admin()
        if self.settings.oidc is None:
            raise BadInputError("this platform has no identity provider; see its setting: oidc")
        with self.database.begin() as session:
            accounts.link(session, name, f"{self.settings.oidc.issuer}|{body.subject}", actor=who.name)
        return models.Done(done=f"{name} signs in at the identity provider.")

    def _require_own(self, who: Person, name: str, current: str | None) -> None:
        """A stolen token must not become a password: the person shows the present one."""
        if name != who.name:
            who.require_admin()
        if current is None:
            raise ForbiddenError("show your present password too; without one, ask an administrator for the first.")
        with_password(self.database, name, current, "change of the password")
