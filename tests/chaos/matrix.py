"""What a fault matrix has seen: kills by process and stage, ends of runs, broken promises. Parts of one seed add up."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.cases import STAGES, Case, Victim

ROOT = Path(__file__).parents[2]
FILE = ROOT / "build" / "chaos.json"


@dataclass
class Matrix:
    """kills, void: by `process/stage`. ends: by the run's end and its reason. outages: the longest of each endpoint, in s."""

    seed: int
    first: int = 0
    last: int = -1
    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    void: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    outages: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def count(self, case: Case, killed: bool) -> None:
        (self.kills if killed else self.void)[f"{case.victim}/{case.stage}"] += 1

    def add(self, other: Matrix) -> None:
        """Takes in a later part of the same seed."""
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.seconds += other.seconds
        for name in ("kills", "void", "ends", "answers"):
            getattr(self, name).update(getattr(other, name))
        self.outages = {
            name: max(m.outages.get(name, 0.0) for m in (self, other)) for name in {*self.outages, *other.outages}
        }
        self.broken += other.broken

    def save(self) -> None:
        """Writes build/chaos.json; adds to what an earlier part of this seed has left there."""
        whole = self
        if self.first and FILE.exists() and (before := read(FILE)).seed == self.seed:
            before.add(self)
            whole = before
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps({**vars(whole), "kills_in_all": whole.kills.total()}, indent=1, sort_keys=True))

    def text(self) -> str:
        """The table of process by stage, and everything else below it."""
        rows = [["", *STAGES, "all"]]
        for victim in Victim:
            counts = [self._cell(f"{victim}/{stage}") for stage in STAGES]
            rows.append([victim, *counts, str(sum(self.kills[f"{victim}/{stage}"] for stage in STAGES))])
        rows.append(
            [
                "all",
                *(str(sum(self.kills[f"{v}/{stage}"] for v in Victim)) for stage in STAGES),
                str(self.kills.total()),
            ]
        )
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        table = "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
        ends = "\n".join(f"  {count:4} {end}" for end, count in self.ends.most_common())
        longest = max(self.outages.values(), default=0.0)
        return (
            f"fault matrix, seed {self.seed}, cases {self.first} to {self.last}, {self.seconds:.0f} s; "
            "-: nothing of it runs in that stage\n"
            f"{table}\n{self.ends.total()} runs ended:\n{ends}\n"
            f"endpoints answered {self.answers['200']} requests well and {self.answers.total() - self.answers['200']} not; "
            f"the longest outage of one took {longest:.1f} s\n"
            f"{len(self.broken)} promises broken"
        )

    def _cell(self, name: str) -> str:
        return "-" if self.void[name] and not self.kills[name] else str(self.kills[name])


def read(path: Path) -> Matrix:
    given: dict[str, Any] = json.loads(path.read_text())
    given.pop("kills_in_all")
    counters = {name: Counter(given[name]) for name in ("kills", "void", "ends", "answers")}
    return Matrix(**{**given, **counters})


if __name__ == "__main__":
    print(read(FILE).text())
