"""What must stay true of the pages: links, files, commands and targets exist; decisions are dated and listed."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from jinsu.cli.main import cli
from jinsu.spec.load import parse_spec

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


def shown_commands(page: Path) -> Iterator[list[str]]:
    """Each command line of a code block that begins with `jinsu`, as words, up to a pipe or a comment."""
    for line in re.findall(r"^(?: {2,4})?(jinsu [^\n]*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        for part in line.split("&&"):
            words = shlex.split(part.split(" | ")[0], comments=True)
            if words[:1] == ["jinsu"]:
                yield words[1:]


def problem_of(words: list[str]) -> str:
    """What the command line does not know of these words; empty when it knows all."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        name, words = words[0], words[1:]
        found = command.get_command(click.Context(command), name)
        if found is None:
            return f"no command {name}"
        command = found
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    unknown = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    return f"{command.name} has no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    assert [problem for words in shown_commands(page) if (problem := problem_of(words))] == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["submit", "examples/digits", "--follow"], ""),
        (["review", "approve", "RUN"], ""),
        (["launch"], "no command launch"),
        (["rollout", "begin", "digits"], "no command begin"),
        (["submit", ".", "--wait"], "submit has no option --wait"),
    ],
)
def test_a_command_that_does_not_exist_is_seen(words: list[str], problem: str) -> None:
    assert problem_of(words) == problem


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"`make ([^`\n]+)`", text) + re.findall(r"^    make ([^\n#&]+)", text, re.MULTILINE)
    named = {word for line in lines for word in line.split() if re.fullmatch(r"[a-z0-9-]+", word)}
    assert named - targets == set()


def test_the_spec_that_the_readme_shows_is_accepted() -> None:
    shown = re.findall(r"```yaml\n(name: .*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert [parse_spec(text).name for text in shown] == ["digits"]


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
