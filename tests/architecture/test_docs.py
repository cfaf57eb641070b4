"""What must stay true of the pages: links lead somewhere, named files exist, decisions are dated and listed."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("0*.md"))
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)\s#]+)(#[^)\s]+)?\)")
# Drawn from the code: a test of its own says when it is missing.
DRAWN = ROOT / "docs" / "architecture.md"
# A path of this repository in backticks, such as `tests/unit` or `docs/spec.md`, but not `lifecycle/NAME.py`.
NAMED = re.compile(r"`((?:tests|docs|dags|helm|platform|examples|components)/[a-z0-9_./-]+)`")


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


PAGES = pages()


def anchors(page: Path) -> set[str]:
    """Each heading's anchor, as the sites that show Markdown make it."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> Iterator[str]:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve()
        if path == DRAWN:
            continue
        if not path.exists():
            yield target
        elif anchor and path.suffix == ".md" and anchor[1:] not in anchors(path):
            yield target + anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = NAMED.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_has_a_number_a_status_and_a_date(page: Path) -> None:
    head = page.read_text(encoding="utf-8").split("\n")[:4]
    assert re.fullmatch(rf"# {int(page.name[:4])}\. .+", head[0])
    assert re.fullmatch(r"Status: (proposed|accepted|rejected|superseded by \d+)", head[2])
    assert re.fullmatch(r"Date: \d{4}-\d{2}-\d{2}", head[3])


def test_the_index_lists_every_decision_as_it_is() -> None:
    rows = []
    for page in DECISIONS:
        title, _, status, date = page.read_text(encoding="utf-8").split("\n")[:4]
        number, text = title.removeprefix("# ").split(". ", 1)
        words = status.removeprefix("Status: "), date.removeprefix("Date: ")
        rows.append(f"| {number} | [{text}]({page.name}) | {words[0]} | {words[1]} |")
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in index if re.match(r"\| \d", line)] == rows
