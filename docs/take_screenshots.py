"""Takes the pictures in docs/images from a running demo, with a headless Chromium.

Two people sign in: mira, a researcher, who fills in the form, and rita, a reviewer, who judges what mira submitted. Both get
accounts for it. Needs the package `playwright` and a Chromium: pip install playwright; apt-get install chromium
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from jinsu import settings as configuration
from jinsu.resources import examples
from jinsu.runs.snapshots import pack
from jinsu.settings import Settings

IMAGES = Path(__file__).with_name("images")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
PEOPLE = {"mira": "researcher", "rita": "reviewer"}


class Person:
    """Somebody with an account: the API as this person, and a browser in which the person has signed in."""

    def __init__(self, settings: Settings, name: str, password: str) -> None:
        self.settings, self.name, self.password = settings, name, password
        answer = httpx.post(
            f"{settings.api_url}/v1/login", json={"name": name, "password": password}
        ).raise_for_status()
        self.api = _api(settings, answer.json()["token"])

    def page(self, browser: Browser) -> Page:
        page = browser.new_context(viewport={"width": 1500, "height": 950}).new_page()
        for address in (self.settings.airflow_url, self.settings.mlflow_url):
            page.goto(address)
            page.wait_for_timeout(2000)
            if page.locator("input[name=password]").count():
                if not IMAGES.joinpath("sign-in.png").exists():
                    shoot(page, "sign-in", 1)
                page.fill("input[name=name]", self.name)
                page.fill("input[name=password]", self.password)
                page.keyboard.press("Enter")
                page.wait_for_timeout(4000)
        return page


def main() -> None:
    settings = configuration.load()
    admin = _api(settings, (Path(settings.home) / "token").read_text(encoding="utf-8").strip())
    people = {name: _account(settings, admin, name, role) for name, role in PEOPLE.items()}
    run = _waiting_run(people["mira"].api)
    IMAGES.mkdir(exist_ok=True)
    IMAGES.joinpath("sign-in.png").unlink(missing_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        _form(people["mira"].page(browser), settings)
        _review(people["rita"].page(browser), settings, run)
        browser.close()


def _form(page: Page, settings: Settings) -> None:
    page.goto(f"{settings.airflow_url}/dags/lifecycle")
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Trigger").first.click()
    shoot(page, "airflow-form", 3)
    page.get_by_text("Parameters of digits").first.click()
    shoot(page, "airflow-form-parameters", 2)
    show(page, f"{settings.airflow_url}/auth/my-runs", "airflow-my-runs", 4)


def _review(page: Page, settings: Settings, run: dict[str, Any]) -> None:
    place = f"{settings.airflow_url}/dags/lifecycle/runs/{run['dag_run']}"
    show(page, place, "airflow-run", 4)
    page.get_by_role("button", name="Graph").or_(page.locator("button[value=graph]")).first.click()
    shoot(page, "airflow-graph", 4)
    show(page, f"{place}/tasks/review/required_actions", "airflow-review", 5)
    version = next(stage["output"]["version"] for stage in run["stages"] if stage["name"] == "register")
    show(page, f"{settings.mlflow_url}/#/models/digits/versions/{version}", "mlflow-version", 6)
    show(page, run["links"]["Evidence"], "mlflow-evidence", 6)
    show(page, run["links"]["Data docs"], "data-docs", 2)


def _account(settings: Settings, admin: httpx.Client, name: str, role: str) -> Person:
    """The person, with a new password."""
    password = secrets.token_urlsafe(12)
    if admin.post("/v1/users", json={"name": name, "password": password}).status_code == httpx.codes.CONFLICT:
        admin.put(f"/v1/users/{name}/password", json={"password": password}).raise_for_status()
    admin.put(f"/v1/teams/default/members/{name}", json={"role": role}).raise_for_status()
    return Person(settings, name, password)


def _waiting_run(api: httpx.Client) -> dict[str, Any]:
    """A run of the digits example that waits for its review."""
    content, digest = pack(examples() / "digits")
    api.post("/v1/code", content=content).raise_for_status()
    body = {"code_digest": digest, "idempotency_key": "pictures", "overrides": {"train.params.epochs": 12}}
    run = api.post("/v1/submissions", json=body).raise_for_status().json()["id"]
    while True:
        seen: dict[str, Any] = api.get(f"/v1/runs/{run}").json()
        if seen["ended"] or any(stage["name"] == "review" for stage in seen["stages"]):
            return seen
        time.sleep(1)


def _api(settings: Settings, token: str) -> httpx.Client:
    return httpx.Client(base_url=settings.api_url, headers={"authorization": f"Bearer {token}"}, timeout=60)


def show(page: Page, address: str, name: str, seconds: float) -> None:
    page.goto(address)
    shoot(page, name, seconds)


def shoot(page: Page, name: str, seconds: float) -> None:
    page.wait_for_timeout(seconds * 1000)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"{name}.png")


if __name__ == "__main__":
    main()
