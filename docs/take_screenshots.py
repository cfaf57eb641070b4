"""Takes the pictures in docs/images from a running demo, with a headless Chromium.

Needs the package `playwright` and a Chromium: pip install playwright; apt-get install chromium
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from jinsu import settings as configuration

IMAGES = Path(__file__).with_name("images")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"


def main() -> None:
    settings = configuration.load()
    token = (Path(settings.home) / "token").read_text(encoding="utf-8").strip()
    api = httpx.Client(base_url=settings.api_url, headers={"authorization": f"Bearer {token}"})
    run = next(
        item for item in api.get("/v1/runs").json() if item["state"] == "succeeded" and item["model"] == "digits"
    )
    detail = api.get(f"/v1/runs/{run['id']}").json()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        account = settings.mlflow
        context = browser.new_context(
            viewport={"width": 1500, "height": 900},
            http_credentials={"username": account.name, "password": account.password, "origin": settings.mlflow_url},
        )
        page = context.new_page()
        sign_in(page, settings)
        show(page, f"{settings.airflow_url}/dags/lifecycle/runs/{detail['dag_run']}", "airflow-run", 4)
        page.get_by_role("button", name="Graph").or_(page.locator("button[value=graph]")).first.click()
        shoot(page, "airflow-graph", 4)
        page.goto(f"{settings.airflow_url}/dags/lifecycle")
        page.wait_for_timeout(3000)
        page.get_by_role("button", name="Trigger").first.click()
        shoot(page, "airflow-form", 3)
        show(page, f"{settings.mlflow_url}/#/models/digits/versions/{version_of(detail)}", "mlflow-version", 6)
        show(page, detail["links"]["Evidence"], "mlflow-evidence", 6)
        show(page, detail["links"]["Data docs"], "data-docs", 2)
        browser.close()


def version_of(detail: dict[str, Any]) -> str:
    return str(next(task["output"]["version"] for task in detail["tasks"] if task["name"] == "register"))


def sign_in(page: Page, settings: configuration.Settings) -> None:
    passwords = json.loads((Path(settings.home) / "airflow" / "passwords.json").read_text(encoding="utf-8"))
    page.goto(f"{settings.airflow_url}/auth/login")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", passwords["admin"])
    page.click("button[type=submit]")
    page.wait_for_timeout(3000)


def show(page: Page, address: str, name: str, seconds: float) -> None:
    page.goto(address)
    shoot(page, name, seconds)


def shoot(page: Page, name: str, seconds: float) -> None:
    page.wait_for_timeout(seconds * 1000)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"{name}.png")


if __name__ == "__main__":
    main()
