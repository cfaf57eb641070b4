"""All of it: prints a line for each reader, and writes build/fuzz.json. Ends with 1 when there is a fault."""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz import generated, http
from tests.fuzz.tally import Tally
from tests.fuzz.targets import TARGETS

GUIDED = (
    "model.yaml", "problem.yaml", "policy.yaml", "expectations.yaml", "code snapshot", "model.json", "metrics of a script",
    "result.json", "state.json", "rows of jinsu predict", "Open Inference Protocol", "MLflow's protocol", "claims of a person",
)  # fmt: skip
"""What Atheris tries too: readers in Python, whose branches it sees."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=500, help="inputs by Hypothesis, for each reader")
    parser.add_argument("--requests", type=int, default=30, help="good and bad requests, for each operation of the API")
    parser.add_argument("--guided-runs", type=int, default=5000, help="inputs by Atheris, for each reader")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    given = parser.parse_args()
    print(f"seed {given.seed}   (again: python -m tests.fuzz --seed {given.seed})", flush=True)
    begun, tallies = time.monotonic(), []
    for target in TARGETS:
        tallies.append(_shown(generated.run(target, given.examples, given.seed)))
    with tempfile.TemporaryDirectory() as folder:
        tallies.append(_shown(http.run(http.application(Path(folder)), given.requests, given.seed)))
    for name in GUIDED if given.guided_runs else ():
        tallies.append(_shown(_guided(name, given.guided_runs, given.seed)))
    faults = [fault for tally in tallies for fault in tally.faults]
    total = sum(tally.distinct for tally in tallies)
    refused = sum(tally.outcomes["refused"] + tally.outcomes["4xx"] for tally in tallies)
    print(f"{'distinct inputs':32} {total:7}  {refused} refused with a sentence, {len(faults)} faults, "
          f"{time.monotonic() - begun:.0f} s")  # fmt: skip
    print("\n".join(faults))
    Path("build").mkdir(exist_ok=True)
    found = {"seed": given.seed, "distinct": total, "refused": refused, "faults": faults}
    parts = {tally.part: dict(tally.outcomes) for tally in tallies}
    Path("build/fuzz.json").write_text(json.dumps({**found, "parts": parts}, indent=1))
    sys.exit(bool(faults))


def _guided(name: str, runs: int, seed: int) -> Tally:
    """Atheris ends its process itself, so each reader has one of its own."""
    tally = Tally(f"{name}, guided")
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(runs), str(seed)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    lines = [line for line in ended.stdout.splitlines() if line.startswith("distinct ")]
    if lines:
        _, distinct, _, refused = lines[-1].split()
        tally.outcomes.update({"refused": int(refused), "read": int(distinct) - int(refused)})
    if ended.returncode or not lines:
        tally.fault(b"", f"{name}, guided: {ended.stdout[-1500:]}{ended.stderr[-1500:]}")
    return tally


def _shown(tally: Tally) -> Tally:
    print(tally.line(), flush=True)
    return tally


if __name__ == "__main__":
    main()
