"""Addresses that a browser is sent to: the way to the sign-in and back, and filtered lists of runs. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlencode, urlsplit

from jinsu.clients.dag_ids import dag_of
from jinsu.identity.people import Person

_PLAIN = re.compile(r"[!-\[\]-~]*")  # printable ASCII without spaces and backslashes


def path_here(wanted: str, *sites: str) -> str:
    """The path, query and fragment of `wanted` when it is a page of one of `sites`; else the first page of `sites[0]`.

    sites: addresses without a slash at their end, such as `https://airflow.example.org/team`. wanted: a path, or a whole
    address as a browser shows it.
    """
    home = f"{urlsplit(sites[0]).path}/"
    if not wanted or wanted.startswith("//") or not _PLAIN.fullmatch(wanted):
        return home
    try:
        asked = urlsplit(wanted)
    except ValueError:
        return home
    if (asked.scheme, asked.netloc) not in {("", ""), *((site.scheme, site.netloc) for site in map(urlsplit, sites))}:
        return home
    if not asked.path.startswith(home) or asked.path.startswith("//") or ".." in asked.path.split("/"):
        return home
    return f"{home}{asked._replace(scheme='', netloc='').geturl().removeprefix(home).lstrip('/')}"


def sign_in(api: str, state: str, path: str) -> str:
    """The page of the API on which a person signs in, and which sends them back to Airflow's page `path`."""
    return f"{api}/login?{urlencode({'to': 'airflow', 'state': state, 'next': path})}"


def runs_of(person: str) -> str:
    """The list of the runs that a person has submitted, through whichever door."""
    return f"/dag_runs?{urlencode({'triggering_user_name_pattern': person})}"


def runs_of_teams(person: Person) -> str:
    """The list of the runs of the person's teams."""
    dags = [dag_of(team) for team in sorted(person.teams)]
    if len(dags) == 1:
        return f"/dags/{dags[0]}/runs"
    return f"/dag_runs?{urlencode({'dag_id_pattern': '|'.join(dags)})}" if dags else "/dag_runs"
