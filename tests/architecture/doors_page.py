"""Writes the tables of docs/security.md: every door, every kind of person, and what is refused.

python -m tests.architecture.doors_page
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from tests.architecture.rooms import ROOT
from tests.support.doors import DOORS, EVEN_THE_PLATFORM, Who

PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- matrix -->", "<!-- /matrix -->"

_OPENING = """\
The columns are people, seen from the team whose models are at stake: *nobody* shows no credentials or wrong ones, the
*submitter* is the researcher who submitted the run, the *researcher* another one, and the *administrator* is in no team.
The rows under a page are tried with the session of a browser that was signed in, the others with a token. Whatever is
refused must also have changed nothing in the three databases.
"""
_LEGEND = """\
✔ may · ✘ refused (403; 401 without credentials) · ✘¹ told that there is no such thing (404, or left out of a list) · ✘²
told what stands in the way (409): the name belongs to another team, the question is decided, the version serves · – cannot
come up.
"""
_DATABASE = """\
What PostgreSQL of a one-machine installation refuses to the platform's own role too, or to whoever has no more than its
password or its machine:
"""


def written(text: str) -> str:
    """The page with the tables of this moment between its marks. Pure."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """Both tables as Markdown, with what their signs mean."""
    lines = [_row(["door", *Who]), _row(["---", *[":-:"] * len(Who)])]
    for surface, doors in groupby(DOORS, lambda door: door.surface):
        lines.append(_row([f"**{surface}**", *[""] * len(Who)]))
        lines += [_row([door.name, *door.cells.values()]) for door in doors]
    refused = [_row(["in the database", "everybody"]), _row(["---", ":-:"])]
    refused += [_row([what, "✘"]) for what in EVEN_THE_PLATFORM]
    return "\n".join([_OPENING, *lines, "", _LEGEND, _DATABASE, *refused, ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
