"""What came of many inputs."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """How many distinct inputs one reader was given, and what became of them."""

    part: str
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _seen: set[bytes] = field(default_factory=set)

    def add(self, sent: bytes, outcome: str) -> None:
        """Counts an input once."""
        digest = hashlib.sha256(sent).digest()[:12]
        if digest not in self._seen:
            self._seen.add(digest)
            self.outcomes[outcome] += 1

    def fault(self, sent: bytes, what: str) -> None:
        """An input that was answered as none may be."""
        self.add(sent, "fault")
        if len(self.faults) < 20:
            self.faults.append(f"{what}\n    input: {sent[:400]!r}")

    @property
    def distinct(self) -> int:
        return self.outcomes.total()

    def line(self) -> str:
        shown = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return f"{self.part:32} {self.distinct:7}  {shown}"
