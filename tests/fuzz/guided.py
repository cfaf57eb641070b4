"""Inputs by Atheris, which follows the branches that each of them takes: python -m tests.fuzz.guided NAME RUNS SEED

Prints the count of distinct inputs as its last line, `distinct N refused N`; ends with another code at the first fault.
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import atheris

with atheris.instrument_imports(include=["jinsu", "yaml", "tarfile", "gzip", "json"]):
    from tests.fuzz.tally import Tally
    from tests.fuzz.targets import TARGETS, try_one


def main() -> None:
    name, runs, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    target = next(target for target in TARGETS if target.name == name)
    folder = Path(mkdtemp(prefix="jinsu-guided-"))
    for number, text in enumerate(target.seeds):
        (folder / str(number)).write_bytes(text)
    words = folder.with_suffix(".dict")
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.words))
    tally, tried = Tally(name), 0

    def try_input(data: bytes) -> None:
        nonlocal tried
        tried += 1
        tally.add(data, try_one(target, data))
        if tried == runs:
            print(f"distinct {tally.distinct} refused {tally.outcomes['refused']}", flush=True)

    options = [f"-runs={runs + 50}", f"-seed={seed}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"]
    found = f"-artifact_prefix={folder.parent}/jinsu-fault-"
    dictionary = [f"-dict={words}"] if target.words else []
    atheris.Setup([sys.argv[0], *options, found, *dictionary, str(folder)], try_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
