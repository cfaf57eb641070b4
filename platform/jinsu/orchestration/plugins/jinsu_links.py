"""Links in Airflow's menu that show the signed-in person's runs, and those of their teams.

Airflow loads every file of this folder in each of its processes, so the file imports nothing that these have not. The
addresses lead to `jinsu.orchestration.sign_in_pages`, which knows who asks.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

_AUTH = f"{urlsplit(conf.get('api', 'base_url', fallback='')).path.rstrip('/')}/auth"


class JinsuLinks(AirflowPlugin):  # type: ignore[misc]
    name = "jinsu_links"
    external_views = (
        {"name": "My runs", "href": f"{_AUTH}/my-runs", "nav_top_level": True},
        {"name": "Team runs", "href": f"{_AUTH}/team-runs", "nav_top_level": True},
    )
