"""Every door of an installation and every kind of person: what each may do, and what is refused. The one declaration of it.

`tests/e2e/test_doors.py` tries each cell through the real door; `tests/architecture/doors_page.py` writes the table of
docs/security.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Who(StrEnum):
    """A column of the table: a kind of person, seen from the team whose models are at stake."""

    NOBODY = "nobody"
    """Shows no credentials, or wrong ones."""
    STRANGER = "owner of another team"
    """Has every right, but in another team."""
    RESEARCHER = "researcher"
    """Of the team; did not submit the run."""
    SUBMITTER = "submitter"
    """The researcher of the team who submitted the run."""
    REVIEWER = "reviewer"
    """Of the team."""
    OWNER = "owner"
    """Of the team."""
    ADMINISTRATOR = "administrator"
    """In no team."""


class Answer(StrEnum):
    """A cell of the table."""

    MAY = "✔"
    """The door opens."""
    REFUSED = "✘"
    """Refused: 403, or 401 without credentials."""
    UNKNOWN = "✘¹"
    """Told that there is no such thing: 404, or left out of a list."""
    CONFLICT = "✘²"
    """Told what stands in the way: 409."""
    NO_CASE = "–"
    """Cannot come up: who may not submit has no own candidate."""


class Surface(StrEnum):
    """Where the door is."""

    CLI = "the command line"
    """The command `jinsu`."""
    API = "the API"
    """HTTP with a token, or with the session of a browser."""
    ROLLBACK = "rollback and rollouts"
    """What serves now, through the API."""
    FORM = "Airflow's form"
    """From a browser that is signed in."""
    AIRFLOW_PAGES = "Airflow's pages"
    """From a browser that is signed in."""
    AIRFLOW = "Airflow's REST API"
    """With a token."""
    MLFLOW_PAGES = "MLflow's pages"
    """From a browser that is signed in."""
    MLFLOW = "MLflow's REST API"
    """With a token."""
    ALIAS = "MLflow's aliases"
    """With a token."""
    DATABASE = "the database"
    """PostgreSQL of a one-machine installation."""


@dataclass(frozen=True)
class Door:
    """Something that a person may try. cells: what each kind of person is answered."""

    surface: Surface
    name: str
    cells: Mapping[Who, Answer]


def _doors(surface: Surface, table: str) -> Iterator[Door]:
    """A row for each line: what is tried, then a cell for each kind of person."""
    for line in filter(str.strip, table.splitlines()):
        name, _, row = line.partition(":")
        cells = [Answer(sign) for sign in row.split()]
        yield Door(surface, name.strip(), dict(zip(Who, cells, strict=True)))


DOORS: tuple[Door, ...] = (
    *_doors(Surface.CLI, """
        see what a run waits for:                           ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        submit a model of the team:                         ✘  ✘² ✔  ✔  ✔  ✔  ✘²
        cancel a run:                                       ✘  ✘¹ ✘  ✔  ✘  ✔  ✔
        approve a candidate:                                ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        approve an own candidate:                           –  –  –  ✘  ✘  ✘  –
        roll back to a rejected version:                    ✘  ✘¹ ✘  ✘  ✘  ✘  ✘
        put the team's policy:                              ✘  ✘  ✘  ✘  ✘  ✘  ✔
    """),
    *_doors(Surface.API, """
        come in with the session of another door:           –  ✘  ✘  ✘  ✘  ✘  ✘
        change something with a session, from another site: –  ✘  ✘  ✘  ✘  ✘  ✘
        see a run:                                          ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        find the team's work in a list:                     ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        read the log of a training:                         ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        see a candidate's evidence:                         ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        see a model's ledger:                               ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        see a problem:                                      ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        see the team's members and policy:                  ✘  ✘  ✔  ✔  ✔  ✔  ✔
        open a report of a dataset without its signed link: ✘¹ ✘¹ ✘¹ ✘¹ ✘¹ ✘¹ ✘¹
        send code:                                          ✘  ✔  ✔  ✔  ✔  ✔  ✔
        check a model and sample its rows:                  ✘  ✘² ✔  ✔  ✔  ✔  ✘²
        submit a model of the team:                         ✘  ✘² ✔  ✔  ✔  ✔  ✘²
        submit for the team under a new name:               ✘  ✘  ✔  ✔  ✔  ✔  ✘
        submit with easier rules than the problem's:        ✘  ✘² ✘  ✘  ✘  ✔  ✘²
        turn a model to another problem:                    ✘  ✘² ✘  ✘  ✘  ✔  ✘²
        put a version of a dataset:                         ✘  ✘² ✔  ✔  ✔  ✔  ✘²
        put a version of a problem:                         ✘  ✘² ✘  ✘  ✘  ✔  ✘
        cancel a run:                                       ✘  ✘¹ ✘  ✔  ✘  ✔  ✔
        approve a candidate:                                ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        approve an own candidate:                           –  –  –  ✘  ✘  ✘  –
        approve a rejected version:                         ✘  ✘¹ ✘  ✘  ✘² ✘² ✘
        reject a candidate:                                 ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        ask for changes of a candidate:                     ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        revoke a version:                                   ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        let another team read a model:                      ✘  ✘¹ ✘  ✘  ✘  ✔  ✘
        give oneself the role of an owner:                  ✘  ✘  ✘  ✘  ✘  ✔  ✔
        put the team's policy:                              ✘  ✘  ✘  ✘  ✘  ✘  ✔
        make a team:                                        ✘  ✘  ✘  ✘  ✘  ✘  ✔
        add a person:                                       ✘  ✘  ✘  ✘  ✘  ✘  ✔
        make oneself an administrator:                      ✘  ✘  ✘  ✘  ✘  ✘  ✔
        change another person's password:                   ✘  ✘  ✘  ✘  ✘  ✘  ✔
        remove another person:                              ✘  ✘  ✘  ✘  ✘  ✘  ✔
        end a token of the submitter:                       ✘  ✘¹ ✘¹ ✔  ✘¹ ✘¹ ✘¹
        read in the audit log what others did:              ✘  ✘¹ ✘¹ ✘¹ ✘¹ ✘¹ ✔
    """),
    *_doors(Surface.ROLLBACK, """
        roll back to a version that may serve:              ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        roll back to a rejected version:                    ✘  ✘¹ ✘  ✘  ✘  ✘  ✘
        roll back to a version that nobody approved:        ✘  ✘¹ ✘  ✘  ✘  ✘  ✘
        abort a rollout:                                    ✘  ✘¹ ✘  ✘  ✔  ✔  ✔
        resume a rollout:                                   ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        revoke the version that serves:                     ✘  ✘¹ ✘  ✘  ✘² ✘² ✘
    """),
    *_doors(Surface.FORM, """
        open the form:                                      ✘  ✘  ✔  ✔  ✔  ✔  ✔
        start a run:                                        ✘  ✘  ✔  ✔  ✔  ✔  ✘
        start a run in another person's name:               ✘  ✘  ✘  ✘  ✘  ✘  ✘
        start a run of code that the form does not offer:   ✘  ✘  ✘  ✘  ✘  ✘  ✘
    """),
    *_doors(Surface.AIRFLOW_PAGES, """
        see a run:                                          ✘  ✘  ✔  ✔  ✔  ✔  ✔
        approve a candidate:                                ✘  ✘  ✘  ✘  ✔  ✔  ✘
        come in with the session of another door:           –  ✘  ✘  ✘  ✘  ✘  ✘
    """),
    *_doors(Surface.AIRFLOW, """
        see a run:                                          ✘  ✘  ✔  ✔  ✔  ✔  ✔
        read the log of a stage:                            ✘  ✘  ✔  ✔  ✔  ✔  ✔
        find the team's runs in a list:                     ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        start a run over a span of time:                    ✘  ✘  ✘  ✘  ✘  ✘  ✘
        approve a candidate:                                ✘  ✘  ✘  ✘  ✔  ✔  ✘
        approve an own candidate:                           –  –  –  ✘  ✘  ✘  –
        mark a stage as successful:                         ✘  ✘  ✘  ✘  ✘  ✔  ✔
        have a version served by marking its review as successful: ✘  ✘  ✘  ✘  ✘  ✘  ✘
        mark a run as failed:                               ✘  ✘  ✘  ✘  ✘  ✔  ✔
        clear a run:                                        ✘  ✘  ✘  ✘  ✘  ✔  ✔
        delete a run:                                       ✘  ✘  ✘  ✘  ✘  ✘  ✘
        pause or delete the DAG:                            ✘  ✘  ✘  ✘  ✘  ✘  ✘
        forge the result of a stage:                        ✘  ✘  ✘  ✘  ✘  ✘  ✘
        read connections and variables:                     ✘  ✘  ✘  ✘  ✘  ✘  ✔
        change a pool:                                      ✘  ✘  ✘  ✘  ✘  ✘  ✔
    """),
    *_doors(Surface.MLFLOW_PAGES, """
        see a run:                                          ✘  ✘  ✔  ✔  ✔  ✔  ✔
        approve a candidate:                                ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        approve a candidate, from another site:             ✘  ✘  ✘  ✘  ✘  ✘  ✘
        come in with the session of another door:           –  ✘  ✘  ✘  ✘  ✘  ✘
    """),
    *_doors(Surface.MLFLOW, """
        see a run:                                          ✘  ✘  ✔  ✔  ✔  ✔  ✔
        see a run with GraphQL:                             ✘  ✘  ✔  ✔  ✔  ✔  ✔
        find the team's models in a list:                   ✘  ✘¹ ✔  ✔  ✔  ✔  ✔
        reject a candidate with a tag:                      ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        ask for changes with a tag:                         ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        revoke a version with a tag:                        ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        write another tag of a version:                     ✘  ✘  ✘  ✘  ✘  ✘  ✘
        register a version without evidence:                ✘  ✘  ✘  ✘  ✘  ✘  ✘
        delete a version:                                   ✘  ✘  ✘  ✘  ✘  ✘  ✘
        change a metric of a run:                           ✘  ✘  ✘  ✘  ✘  ✘  ✘
        replace a file of a run:                            ✘  ✘  ✘  ✘  ✘  ✘  ✘
        make an experiment:                                 ✘  ✘  ✘  ✘  ✘  ✘  ✘
        add a user:                                         ✘  ✘  ✘  ✘  ✘  ✘  ✘
        give oneself a permission:                          ✘  ✘  ✘  ✘  ✘  ✘  ✘
    """),
    *_doors(Surface.ALIAS, """
        approve a candidate (challenger):                   ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        approve an own candidate (challenger):              –  –  –  ✘  ✘  ✘  –
        approve a rejected version (challenger):            ✘  ✘¹ ✘  ✘  ✘² ✘² ✘
        move champion to a version that may serve:          ✘  ✘¹ ✘  ✘  ✔  ✔  ✘
        move champion to a rejected version:                ✘  ✘¹ ✘  ✘  ✘  ✘  ✘
        move champion to a version that nobody approved:    ✘  ✘¹ ✘  ✘  ✘  ✘  ✘
        take the alias champion away:                       ✘  ✘  ✘  ✘  ✘  ✘  ✘
    """),
    *_doors(Surface.DATABASE, """
        connect with the own name and token:                ✘  ✘  ✘  ✘  ✘  ✘  ✘
    """),
)  # fmt: skip
"""Every row of the table."""

EVEN_THE_PLATFORM = (
    "change an entry of the ledger",
    "remove an entry of the ledger",
    "empty the ledger",
    "change an entry of the audit log",
    "remove an entry of the audit log",
    "empty the audit log",
    "connect without the password",
    "connect over the network",
    "connect as another user of the machine",
)
"""What the database refuses to its own role too, or to whoever has the role's password alone."""
