"""The settings of one installation: the addresses of its parts, its limits, and the secrets that the parts share.

On one machine `jinsu up` writes the file `settings.json`. On Kubernetes the chart renders the file without secrets: in it
`${NAME}` stands for a variable of the environment, which comes from a Secret; `${NAME:-TEXT}` is the text without it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinsu.errors import BadInputError, NotFoundError
from jinsu.files import write_private
from jinsu.home import SETTINGS_NAME, find_home
from jinsu.objects.mirror import CACHE_BYTES
from jinsu.objects.s3 import S3Settings
from jinsu.placement.kubernetes import Cluster, Servers
from jinsu.steps.destinations import PYTHON_INDEX, index_destinations

MAX_CODE_BYTES = 64 * 2**20
"""The most that the files of one code snapshot may have together, unless an installation's settings say otherwise."""
PYPI = "https://pypi.org/simple"
ROLES = ("researcher", "reviewer", "owner")
"""The roles that a group may give: the values of `jinsu.state.states.Role`, a room above."""
_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^{}$]*))?\}")
"""`${NAME}` for a variable that must be set, `${NAME:-TEXT}` for one that may be missing: then the text stands there."""


class Where(StrEnum):
    """The kind of place that an installation runs in. It decides which adapter each part uses."""

    MACHINE = "machine"
    """One machine: programs under supervisord, steps as process groups, objects in a folder."""
    KUBERNETES = "kubernetes"
    """A Kubernetes cluster: Deployments from the chart, steps as Jobs, objects in an S3 store."""


@dataclass(frozen=True)
class Account:
    """A name and its password, which `repr` leaves out."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class GroupRole:
    """What a group of the identity provider stands for. role: researcher, reviewer or owner."""

    team: str
    role: str


@dataclass(frozen=True)
class Oidc:
    """The OpenID provider at which people sign in.

    client_secret: "" for a client without one. name_claim: the claim that a new account is called by. groups_claim: the claim
    with the groups, in the id_token or in userinfo. groups: what each group gives. admins: groups of administrators; when
    empty, `jinsu user` decides who is one.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    groups: Mapping[str, GroupRole] = field(default_factory=dict)
    admins: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Oidc:
        """Raises BadInputError for a role that there is not."""
        groups = {name: GroupRole(**given) for name, given in document.get("groups", {}).items()}
        for name, given in groups.items():
            if given.role not in ROLES:
                raise BadInputError(f"settings: oidc.groups.{name}: {given.role!r} is not one of {', '.join(ROLES)}.")
        lists = {name: tuple(document[name]) for name in ("scopes", "admins") if name in document}
        return cls(**{**document, **lists, "groups": groups})


@dataclass(frozen=True)
class Retention:
    """How long the platform keeps what nothing needs any more, in days; None for ever.

    What an open run, a registered version, a champion, or the newest version of a dataset needs always stays. failed_runs: the
    steps and the code of runs that failed or were cancelled, counted from the run's end. unnamed: steps and code that no run
    names. dataset_versions: versions of a dataset that are not its newest one. old_versions: registered versions of a model,
    apart from its champion and the newest `old_versions_kept`; they are revoked, since they could serve no longer.
    """

    failed_runs: float | None = 30.0
    unnamed: float | None = 30.0
    dataset_versions: float | None = None
    old_versions: float | None = None
    old_versions_kept: int = 10


@dataclass(frozen=True)
class Kubernetes:
    """What only an installation on Kubernetes has.

    catalog: the ConfigMap of the names that the trigger form offers. gateways: `host:port` of Envoy's statistics; the host
    name resolves to every Envoy. gateway_key: the secret that Envoy and the controller show each other. step_key: the secret
    with which the tokens of steps are made, which the broker knows too; "" for a process that starts no step.
    """

    namespace: str
    catalog: str
    gateways: str
    gateway_key: str = field(repr=False)
    steps: Cluster
    servers: Servers
    step_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Settings:
    """What a process of the platform must know to find the others and to act for them.

    home: the installation's folder. runtime: the folder of its sockets. The URLs are those that the parts use among
    themselves; `public` has those that people use, where they differ, by the part's name. mlflow: the platform's own
    account in MLflow. airflow: its password is the first one of the person whose machine this is; empty on Kubernetes.
    mlflow_reviewer: the account that all reviewers shared in version 0.1; nobody can use it any more.
    split_secret: what the secrets of new splits follow from; "" for the fernet key, as before there were two.
    training_slots: how many trainings run at a time. step_memory (bytes), step_hours: what each of the platform's own steps,
    which open rows and models, may use. egress: by name, what a policy may let trainings of this machine reach, such as
    `pypi.org:443`. python_index: the index that packages of `train.requirements` come from, in the form of PyPI's simple
    index; it may hold an account, and "" means that there is none. python_links: folders of wheels, or pages that link to
    them, beside or in place of the index. environment_bytes: the most that the packages of one environment may have.
    runs_at_once: how many runs may work at once, while no person and no traffic is
    waited for; 0 for twice the training slots, and 16 at least. runs_per_team and runs_per_person: the most of them that one
    team, or one person, may have. bind: the address that the servers listen on. artifacts: MLflow's
    destination for files; "" for the home. mlflow_auth_database_url: "" for a file in the home.
    local_accounts: whether people may sign in with a password that this installation keeps. oidc: the identity provider.
    object_cache_bytes: how much of the object store each process's folder holds at most.
    notifications: whether PostgreSQL wakes idle processes, by triggers on the tables that they wait for; where it does not,
    they poll (docs/adr/0015-rest.md). review_webhook: where a reminder of a review that waits is posted, as
    `{"text": …}`; "" for nowhere. policies: by team, the document of the policy that its team has for as long as no person
    puts another (on Kubernetes).
    """

    home: str
    runtime: str
    database_url: str = field(repr=False)
    api_url: str
    endpoint_url: str
    airflow_url: str
    mlflow_url: str
    envoy_admin_url: str
    xds_port: int
    mlflow: Account
    airflow_database_url: str = field(repr=False)
    mlflow_database_url: str = field(repr=False)
    supervisor_password: str = field(repr=False)
    airflow_secret: str = field(repr=False)
    mlflow_secret: str = field(repr=False)
    fernet_key: str = field(repr=False)
    split_secret: str = field(default="", repr=False)
    airflow: Account = Account("admin", "")
    mlflow_reviewer: Account = Account("reviewer", "")
    training_slots: int = 2
    step_memory: int = 2 * 2**30
    step_hours: float = 1.0
    egress: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    python_index: str = field(default=PYPI, repr=False)
    python_links: tuple[str, ...] = ()
    environment_bytes: int = 8 * 2**30
    runs_at_once: int = 0
    runs_per_team: int = 100
    runs_per_person: int = 20
    max_code_bytes: int = MAX_CODE_BYTES
    max_gpus: int = 0
    teams_approving_themselves: tuple[str, ...] = ()
    object_store: S3Settings | None = None
    object_cache_bytes: int = CACHE_BYTES
    retention: Retention = Retention()
    bind: str = "127.0.0.1"
    artifacts: str = ""
    mlflow_auth_database_url: str = field(default="", repr=False)
    public: Mapping[str, str] = field(default_factory=dict)
    notifications: bool = True
    review_webhook: str = field(default="", repr=False)
    local_accounts: bool = True
    oidc: Oidc | None = None
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kubernetes: Kubernetes | None = None

    @property
    def where(self) -> Where:
        """The kind of place that this installation runs in."""
        return Where.MACHINE if self.kubernetes is None else Where.KUBERNETES

    @property
    def on_kubernetes(self) -> Kubernetes:
        """The section `kubernetes`. Raises BadInputError for an installation on one machine."""
        if self.kubernetes is None:
            raise BadInputError("settings: there is no section 'kubernetes'; on one machine use: jinsu up")
        return self.kubernetes

    def address(self, part: str) -> str:
        """The URL at which people find a part: "api", "airflow", "mlflow" or "endpoint"."""
        return str(self.public.get(part) or getattr(self, f"{part}_url"))

    @property
    def egress_by_name(self) -> dict[str, tuple[str, ...]]:
        """What each name of a destination stands for on this machine; `python-index` unless the settings say it."""
        return {PYTHON_INDEX: index_destinations(self.python_index, self.python_links), **self.egress}

    @property
    def objects(self) -> Path:
        """The folder of datasets, code snapshots and steps; on Kubernetes a cache of the object store."""
        return Path(self.home) / "objects"

    @property
    def steps(self) -> Path:
        """The folder of the steps, each in a folder named by its run key."""
        return self.objects / "steps"

    @property
    def catalog(self) -> Path:
        """The file of the names that the trigger form offers. It exists because a DAG file must not query a database."""
        return Path(self.home) / "catalog.json"

    def write(self) -> None:
        """Writes the file in the home, mode 0600, all of it or nothing."""
        path = Path(self.home) / SETTINGS_NAME
        draft = path.with_suffix(".draft")
        write_private(draft, json.dumps(asdict(self), indent=1))
        draft.replace(path)


def port_of(url: str) -> int:
    """The port at the end of `http://HOST:PORT`."""
    return int(url.rpartition(":")[2])


@lru_cache(maxsize=1)
def load() -> Settings:
    """The settings of the installation in `find_home()`. Raises NotFoundError when there is none."""
    path = find_home() / SETTINGS_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent}: there is no platform here; start one with: jinsu up") from None
    return parse(json.loads(text), os.environ)


def parse(document: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """The settings that a document describes, with every placeholder filled in from `environment`.

    Raises BadInputError for a variable that is not set.
    """
    values: dict[str, Any] = _filled(dict(document), environment)
    for name in ("airflow", "mlflow", "mlflow_reviewer"):
        if name in values:
            values[name] = Account(**values[name])
    values["teams_approving_themselves"] = tuple(values["teams_approving_themselves"])
    values["python_links"] = tuple(values.get("python_links", ()))
    values["egress"] = {name: tuple(entries) for name, entries in values.get("egress", {}).items()}
    if values.get("object_store") is not None:
        values["object_store"] = S3Settings(**values["object_store"])
    if "retention" in values:
        values["retention"] = Retention(**values["retention"])
    if values.get("oidc") is not None:
        values["oidc"] = Oidc.from_document(values["oidc"])
    if (section := values.get("kubernetes")) is not None:
        steps, servers = Cluster.from_document(section["steps"]), Servers.from_document(section["servers"])
        values["kubernetes"] = Kubernetes(**{**section, "steps": steps, "servers": servers})
    return Settings(**values)


def _filled(value: Any, environment: Mapping[str, str], name: str = "") -> Any:
    """The value with its placeholders filled in. name: the key under which it stands."""
    if isinstance(value, dict):
        return {key: _filled(inner, environment, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, environment, name) for inner in value]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        secret = environment.get(match[1], match[2])
        if secret is None:
            raise BadInputError(f"settings: {name}: variable {match[1]} is not set; see the chart's Secret.")
        return quote(secret, safe="") if name.endswith("_url") else secret  # a password may hold any character

    return _PLACEHOLDER.sub(fill, value)
