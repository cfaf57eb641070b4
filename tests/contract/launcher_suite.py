"""What every launcher promises. Each script is a code snapshot of one file; the fixture `bench` says who runs it."""

import hashlib
import io
import json
import tarfile
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.waiting import eventually

from jinsu.errors import BadInputError
from jinsu.launchers.launcher import Launcher
from jinsu.objects.mirror import Mirror
from jinsu.orchestration.log_following import show
from jinsu.steps.spec import Input, Limits, StepKind, StepSpec, run_key
from jinsu.steps.status import TERMINAL, Phase, StepStatus

Own = Callable[[], list[psutil.Process]]

MODEL = "model/model.onnx"
# Every script starts with these names: its step's folder, and a file outside it that tells the test what happened.
PREAMBLE = """
import os, signal, subprocess, sys, time
from pathlib import Path
root = Path(os.environ["JINSU_STEP_DIR"])
out, outside = root / "out", Path({outside!r})

def note(text):
    with outside.open("a") as stream:
        stream.write(f"{{text}}\\n")

def save():
    (out / "model").mkdir(parents=True, exist_ok=True)
    (out / "model" / "model.onnx").write_bytes(b"weights")

def beat():
    while True:
        note(os.getpid())
        time.sleep(0.03)
"""


class Bench:
    """Makes steps out of scripts, and waits for their end. `patience` is what a start and an end may cost, in seconds.

    image: of every step. replaceable: whether a script can remove the folders of its step and put others in their place.
    """

    patience = 0.0
    image = "test"
    replaceable = True

    def __init__(self, launcher: Launcher, objects: Mirror, folder: Path) -> None:
        self.launcher, self.objects, self.folder = launcher, objects, folder
        self.outside = folder / "outside" / "notes"
        self.outside.parent.mkdir(exist_ok=True)
        self.seen_outside = str(self.outside)

    def step(self, script: str, params: dict[str, Any] | None = None, requires: str = "", **limits: Any) -> StepSpec:
        source = PREAMBLE.format(outside=self.seen_outside) + textwrap.dedent(script)
        code = self.archive({"train.py": source.encode()})
        key = run_key("train", {"params": params or {}}, {}, code.digest, str(self.folder))
        return StepSpec(
            name="train",
            image=self.image,
            command=("python", "train.py"),
            params=params or {},
            limits=Limits(**{"memory": 2**30, "seconds": 90.0, **limits}),
            inputs=(code,),
            output_uri=f"steps/{key}",
            run_key=key,
            labels={"requires": requires} if requires else {},
        )

    def archive(self, files: dict[str, bytes]) -> Input:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                bundle.addfile(member, io.BytesIO(content))
        return self.object("code", buffer.getvalue(), ".tar.gz")

    def object(self, name: str, data: bytes, suffix: str = "") -> Input:
        """An input, published."""
        digest = hashlib.sha256(data).hexdigest()
        place = f"test/{digest}{suffix}"
        self.objects.keep_file(place, data)
        return Input(name, place, digest)

    def run(self, step: StepSpec, within: float = 60.0) -> StepStatus:
        self.launcher.start(step)
        return self.end(step, within)

    def end(self, step: StepSpec, within: float = 60.0) -> StepStatus:
        patience = time.monotonic() + within + self.patience
        while (status := self.launcher.status(step.run_key)).phase not in TERMINAL:
            assert time.monotonic() < patience, f"still {status} after {within} s: {self.log(step)[-2000:]}"
            time.sleep(0.03)
        return status

    def log(self, step: StepSpec) -> str:
        text, offset = self.launcher.logs(step.run_key, 0)
        while True:
            more, offset = self.launcher.logs(step.run_key, offset)
            if not more:
                return text
            text += more

    def notes(self) -> list[str]:
        """What scripts wrote to the file outside their step."""
        return self.outside.read_text().splitlines() if self.outside.exists() else []

    def output(self, step: StepSpec, name: str) -> bytes:
        data = self.objects.read(f"{step.output_uri}/out/{name}", fresh=True)
        assert data is not None
        return data

    def lose(self, step: StepSpec, name: str) -> None:
        """An output is deleted by somebody."""
        (self.objects.root / step.output_uri / "out" / name).unlink()


# --- A good end ---


def test_a_step_ends_with_the_digest_of_each_output(bench: Bench) -> None:
    step = bench.step("save(); print('saved'); time.sleep(0.5)", requires=MODEL)

    assert bench.launcher.start(step).phase not in (Phase.ABSENT, Phase.FAILED)
    status = bench.end(step)

    assert status.phase is Phase.DONE, status.message
    assert status.result is not None
    assert status.result.run_key == step.run_key
    assert status.result.outputs == {MODEL: hashlib.sha256(b"weights").hexdigest()}
    assert 0.5 < status.result.seconds < 15
    assert status.result.peak_memory > 2**20
    assert bench.log(step) == "saved\n"


def test_parameters_and_inputs_arrive_as_files(bench: Bench) -> None:
    table = bench.object("data/table.parquet", b"rows")
    params = {"lr": 0.1, "text": "{{ 7*7 }}", "shell": "$(id); `id`", "é": [None, True]}
    step = bench.step(
        """
        (out / "params").write_bytes((root / "in/params.json").read_bytes())
        (out / "rows").write_bytes((root / "in/data/table.parquet").read_bytes())
        """,
        params,
    )
    step = replace(step, inputs=(*step.inputs, table))

    status = bench.run(step)

    assert status.phase is Phase.DONE, bench.log(step)
    assert json.loads(bench.output(step, "params")) == params
    assert bench.output(step, "rows") == b"rows"


def test_inputs_are_copies_that_a_script_may_spoil(bench: Bench) -> None:
    table = bench.object("data/table.parquet", b"rows")
    step = bench.step("(root / 'in/data/table.parquet').write_bytes(b'spoilt')")

    status = bench.run(replace(step, inputs=(*step.inputs, table)))

    assert status.phase is Phase.DONE
    assert bench.objects.read(table.uri, fresh=True) == b"rows"


def test_standard_input_is_closed(bench: Bench) -> None:
    assert bench.run(bench.step("assert sys.stdin.read() == ''")).phase is Phase.DONE


def test_a_script_may_close_its_output_and_go_on(bench: Bench) -> None:
    status = bench.run(bench.step("os.close(1); os.close(2); time.sleep(0.7); save()", requires=MODEL))

    assert status.phase is Phase.DONE, status.message
    assert status.result is not None
    assert status.result.seconds > 0.5


def test_a_flood_of_output_is_cut_and_harms_nothing(bench: Bench) -> None:
    step = bench.step("for _ in range(100): sys.stdout.write(('x' * 99 + '\\n') * 10_486)\nsave()", log_bytes=2**20)

    begun = time.monotonic()
    status = bench.run(step)

    assert status.phase is Phase.DONE, status.message
    assert time.monotonic() - begun < 60 + bench.patience
    log = bench.log(step)
    assert len(log) < 2**20 + 200
    assert "reached its limit of 1048576 bytes" in log


def test_the_environment_holds_no_secret(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "JINSU_TOKEN", "AIRFLOW__CORE__FERNET_KEY", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "hush-hush")
    step = bench.step(
        """
        for name, number in (("own", os.getpid()), ("parent", os.getppid())):
            try:
                (out / name).write_bytes(Path(f"/proc/{number}/environ").read_bytes())
            except PermissionError:
                (out / name).write_bytes(b"refused")
        """
    )

    status = bench.run(step)

    assert status.result is not None, bench.log(step)
    own, parent = bench.output(step, "own"), bench.output(step, "parent")
    assert b"PATH=" in own
    assert b"hush-hush" not in own
    assert parent == b"refused" or (b"PATH=" in parent and b"hush-hush" not in parent)


def test_a_program_of_the_platform_imports_no_file_of_a_person(bench: Bench) -> None:
    """Its verdict would be theirs: it works in the folder that their files are unpacked to."""
    code = bench.archive({"json.py": b"raise SystemExit('theirs')", "statistics.py": b"raise SystemExit('theirs')"})
    command = ("python", "-c", "import json, statistics; print('ours')")
    step = replace(bench.step(""), inputs=(code,), command=command, kind=StepKind.PLATFORM)

    status = bench.run(step)

    assert status.phase is Phase.DONE, status.message
    assert bench.log(step) == "ours\n"


# --- A bad end ---


def test_a_script_that_fails_is_quoted(bench: Bench) -> None:
    status = bench.run(bench.step("print('epoch 1'); sys.exit('no such column: label')"))

    assert status.phase is Phase.FAILED
    assert status.message == "the script exited with 1; its last words: no such column: label"
    assert status.result is None


def test_a_traceback_is_named_by_its_line_in_the_folder(bench: Bench) -> None:
    files = {"train.py": b"import steps.one\n", "steps/one.py": b"rows = {'title': 1}\nrows['titel']\n"}
    status = bench.run(replace(bench.step(""), inputs=(bench.archive(files),), command=("python", "train.py")))

    assert status.phase is Phase.FAILED
    assert status.message.startswith("the script exited with 1: steps/one.py, line 2: KeyError: 'titel'; ")


def test_last_words_are_heard_after_a_flood(bench: Bench) -> None:
    status = bench.run(bench.step("print('x' * 300_000); sys.exit('out of patience')", log_bytes=2**16))

    assert "out of patience" in status.message


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (40, "40")])
def test_a_script_that_is_killed_names_the_signal(bench: Bench, number: int, name: str) -> None:
    status = bench.run(bench.step(f"os.kill(os.getpid(), {number})"))

    assert status.phase is Phase.FAILED
    assert status.message.startswith("the script was killed by")
    assert name in status.message


def test_a_program_that_does_not_exist_is_named(bench: Bench) -> None:
    status = bench.run(replace(bench.step(""), command=("trainn", "--fast")))

    assert status.phase is Phase.FAILED
    assert "cannot start 'trainn'" in status.message


def test_a_script_that_saves_nothing_is_told_what_to_call(bench: Bench) -> None:
    status = bench.run(bench.step("print('trained well')", requires=MODEL))

    assert status.phase is Phase.FAILED
    assert "call jinsu.save(" in status.message


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "model/model.onnx"])
def test_a_link_among_the_outputs_is_refused(bench: Bench, target: str) -> None:
    status = bench.run(bench.step(f"save(); (out / 'link').symlink_to({target!r})"))

    assert status.phase is Phase.FAILED
    assert "out/link: is a symbolic link" in status.message


def test_outputs_that_are_elsewhere_are_refused(bench: Bench) -> None:
    elsewhere = bench.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_bytes(b"secret")
    step = bench.step(f"out.rmdir(); out.symlink_to({str(elsewhere)!r})")

    for _ in range(2):  # the second attempt meets what the first one left
        status = bench.run(step)
        assert status.phase is Phase.FAILED
        assert ("symbolic link" if bench.replaceable else "Read-only file system") in status.message, status.message
    assert (elsewhere / "secret").exists()


@pytest.mark.parametrize("name", ["../train.py", "/tmp/jinsu-escaped.py", "a/../../train.py"])
def test_code_that_leads_out_of_its_folder_is_refused(bench: Bench, name: str) -> None:
    step = replace(bench.step(""), inputs=(bench.archive({"train.py": b"", name: b"raise SystemExit(1)"}),))

    if name.startswith("/"):  # the leading slash is dropped: it stays inside, which is as good
        assert bench.run(step).phase is Phase.DONE
    else:
        # One launcher stages at once and refuses, another learns it in the pod.
        try:
            said = bench.run(step).message
        except BadInputError as problem:
            said = str(problem)
        assert "plain files below its folder" in said
        assert bench.launcher.status(step.run_key).phase in (Phase.ABSENT, Phase.FAILED)
    assert not Path("/tmp/jinsu-escaped.py").exists()
    assert not list(bench.folder.rglob("in/train.py"))


# --- Limits ---


def test_a_script_that_hangs_meets_its_time_limit(bench: Bench) -> None:
    begun = time.monotonic()
    status = bench.run(bench.step("time.sleep(60)", seconds=1.0))

    assert status.phase is Phase.FAILED
    assert "ran longer than" in status.message
    assert "train.resources.hours" in status.message
    assert time.monotonic() - begun < 40 + bench.patience


def test_memory_is_limited(bench: Bench, own: Own) -> None:
    status = bench.run(bench.step("block = b'x' * (600 << 20); time.sleep(60)", memory=300 << 20))

    assert status.phase is Phase.FAILED
    assert "the limit is 300Mi" in status.message
    assert "train.resources.memory" in status.message
    assert eventually(lambda: own() == [], within=20)


@pytest.mark.parametrize(
    ("script", "limit", "advice"),
    [
        (
            "time.sleep(60)",
            {"seconds": 1.0},
            "ran longer than 1 s; send less data, fewer expectations or a smaller model.",
        ),
        ("block = b'x' * (600 << 20); time.sleep(60)", {"memory": 300 << 20}, "; send less data or a smaller model."),
    ],
    ids=["time", "memory"],
)
def test_a_limit_of_a_platform_s_step_is_not_the_researcher_s_to_raise(
    bench: Bench, script: str, limit: dict[str, Any], advice: str
) -> None:
    status = bench.run(replace(bench.step(script, **limit), kind=StepKind.PLATFORM))

    assert status.phase is Phase.FAILED
    assert status.message.endswith(advice)


FORKS = """
for _ in range({times}):
    if os.fork() == 0 and not {bomb}:
        break
    time.sleep({pause})
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("times", "bomb", "pause"), [(60, False, 0.005), (8, True, 0.002)], ids=["one after another", "bomb"]
)
def test_processes_are_limited(bench: Bench, own: Own, times: int, bomb: bool, pause: float) -> None:
    status = bench.run(bench.step(FORKS.format(times=times, bomb=bomb, pause=pause), processes=20, memory=4 << 30))

    assert status.phase is Phase.FAILED
    assert "processes, the limit is 20" in status.message
    assert eventually(lambda: own() == [], within=20)


def test_only_processes_that_live_count(bench: Bench) -> None:
    """A process that ended long ago must not use up the limit, although nobody waited for it."""
    step = bench.step(
        "for _ in range(30): subprocess.run(['sh', '-c', 'true &'])\ntime.sleep(0.6); save()", processes=20
    )

    status = bench.run(step)

    assert status.phase is Phase.DONE, status.message


@pytest.mark.parametrize("how", ["caught by nobody", "said in other words", "by a signal"])
def test_a_file_that_is_too_large_is_named_with_its_limit(bench: Bench, how: str) -> None:
    write = "(out / 'big').write_bytes(b'x' * (3 << 20))"
    scripts = {
        "caught by nobody": write,
        "said in other words": f"try:\n    {write}\nexcept OSError:\n    sys.exit('cannot save')",
        "by a signal": f"signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n{write}",
    }

    status = bench.run(bench.step(scripts[how], output_bytes=2 << 20))

    assert status.phase is Phase.FAILED
    assert status.message == "out/big reached the limit of 2Mi for one file; write smaller files, or several."


def test_a_script_that_fails_beside_a_large_file_is_quoted(bench: Bench) -> None:
    status = bench.run(bench.step("(out / 'big').write_bytes(b'x' * 1000); sys.exit('no column')", output_bytes=2000))

    assert status.message == "the script exited with 1; its last words: no column"


SHARING = """
import mmap
block = b"x" * (200 << 20)
workers = [os.fork() for _ in range(6) if os.getpid() == main] if (main := os.getpid()) else []
if 0 in workers or os.getpid() != main:
    sum(block[::4096])
    time.sleep(2)
    os._exit(0)
time.sleep(2)
save()
"""


def test_memory_that_processes_share_counts_once(bench: Bench) -> None:
    """Seven processes share 200 MiB: each has all of it in its resident size."""
    status = bench.run(bench.step(SHARING, memory=600 << 20))

    assert status.phase is Phase.DONE, status.message
    assert status.result is not None
    assert 200 << 20 < status.result.peak_memory < 400 << 20


def test_memory_of_several_processes_is_limited(bench: Bench, own: Own) -> None:
    step = bench.step(
        "os.fork(); os.fork(); block = bytearray(os.urandom(100 << 20)); time.sleep(60)", memory=250 << 20
    )

    status = bench.run(step)

    assert status.phase is Phase.FAILED
    assert "the limit is 250Mi" in status.message
    assert eventually(lambda: own() == [], within=20)


# --- Several processes ---

WORKERS = """
import multiprocessing

def square(number):
    return number * number

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    with context.Pool(2) as pool:
        assert pool.map(square, [1, 2, 3]) == [1, 4, 9]
    with context.Manager() as manager:
        shared = manager.dict(loss=0.5)
        assert shared["loss"] == 0.5
    save()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_script_has_workers(bench: Bench, method: str) -> None:
    status = bench.run(bench.step(WORKERS.format(method=method), requires=MODEL))

    assert status.phase is Phase.DONE, f"{status.message} {bench.log(bench.step(WORKERS.format(method=method)))}"


# --- Nothing outlives its step ---

FAMILY = """
def daemon(work):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            work()
        os._exit(0)

def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("ready")
    time.sleep(60)

subprocess.Popen(["sleep", "60"])
subprocess.Popen(["setsid", "sleep", "60"])
daemon(stubborn)
while not outside.exists():
    time.sleep(0.01)
save()
"""


def test_children_and_daemons_end_with_their_step(bench: Bench, own: Own) -> None:
    status = bench.run(bench.step(FAMILY))

    assert status.phase is Phase.DONE, status.message
    assert bench.notes() == ["ready"]
    assert eventually(lambda: own() == [], within=20)


def test_a_child_that_never_stops_talking_does_not_hold_up_the_end(bench: Bench) -> None:
    status = bench.run(bench.step("subprocess.Popen(['yes']); time.sleep(0.1); save()"))

    assert status.phase is Phase.DONE, status.message


def test_cancel_ends_the_whole_family(bench: Bench, own: Own) -> None:
    step = bench.step(FAMILY + "stubborn()")
    bench.launcher.start(step)
    assert eventually(lambda: bench.notes() == ["ready", "ready"])

    begun = time.monotonic()
    bench.launcher.cancel(step.run_key, "wrong dataset")
    status = bench.end(step)

    assert status.phase is Phase.CANCELLED
    assert status.message == "wrong dataset"
    assert eventually(lambda: own() == [], within=20)
    assert time.monotonic() - begun < 40 + bench.patience


def test_a_cancelled_step_can_be_started_again(bench: Bench) -> None:
    step = bench.step("note('run'); time.sleep(0 if len(outside.read_text()) > 4 else 60)")
    bench.launcher.start(step)
    assert eventually(bench.notes)
    bench.launcher.cancel(step.run_key, "by mistake")
    assert bench.end(step).phase is Phase.CANCELLED

    assert bench.run(step).phase is Phase.DONE
    assert bench.notes() == ["run", "run"]


# --- Starting again, and finding what was started ---


def test_what_is_done_is_not_run_again(bench: Bench) -> None:
    step = bench.step("note('run'); save()")
    first = bench.run(step)

    again = bench.launcher.start(step)

    assert (again.phase, again.result) == (Phase.DONE, first.result)
    assert bench.notes() == ["run"]


def test_what_failed_is_run_again_from_its_checkpoint(bench: Bench) -> None:
    step = bench.step(
        """
        last = root / "checkpoints" / "last"
        note(f"{last.exists()} {list(out.iterdir())}")
        (out / "half").write_bytes(b"half")
        if not last.exists():
            last.write_bytes(b"epoch 3")
            sys.exit(1)
        """
    )
    assert bench.run(step).phase is Phase.FAILED
    assert bench.run(step).phase is Phase.DONE
    assert bench.notes() == ["False []", "True []"]


def test_a_result_without_its_outputs_is_no_result(bench: Bench) -> None:
    step = bench.step("note('run'); save()")
    bench.run(step)
    bench.lose(step, MODEL)

    assert bench.launcher.status(step.run_key).phase is not Phase.DONE
    assert bench.run(step).phase is Phase.DONE
    assert bench.notes() == ["run", "run"]


def test_an_old_result_does_not_speak_for_a_new_attempt(bench: Bench) -> None:
    step = bench.step("note('run'); save(); sys.exit(len(outside.read_text()) > 4)")
    bench.run(step)
    bench.lose(step, MODEL)

    status = bench.run(step)

    assert bench.notes() == ["run", "run"]
    assert status.phase is Phase.FAILED  # although the files that the first result names are there again


def test_a_script_cannot_declare_itself_done(bench: Bench) -> None:
    step = bench.step(
        """
        import json
        key = json.loads((root / "step.json").read_text())["run_key"]
        (root / "result.json").write_text(json.dumps({"run_key": key, "outputs": {}, "seconds": 1}))
        sys.exit(1)
        """,
        requires=MODEL,
    )
    assert bench.run(step).phase is Phase.FAILED
    assert bench.launcher.start(step).phase is not Phase.DONE


def test_an_unknown_step_is_absent(bench: Bench) -> None:
    unknown = "f" * 64
    bench.launcher.cancel(unknown, "no reason")

    assert bench.launcher.status(unknown) == StepStatus(Phase.ABSENT)
    assert bench.launcher.logs(unknown, 0) == ("", 0)


def test_whoever_looks_never_sees_an_end_that_is_none(bench: Bench) -> None:
    for number in range(10):
        step = bench.step(f"time.sleep(0.05)  # {number}")
        ends: list[StepStatus] = []
        over = threading.Event()

        def look(key: str, ends: list[StepStatus], over: threading.Event) -> None:
            while not over.is_set():
                if (status := bench.launcher.status(key)).phase in TERMINAL:
                    ends.append(status)

        readers = [threading.Thread(target=look, args=(step.run_key, ends, over)) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            bench.run(step)
        finally:
            over.set()
            for reader in readers:
                reader.join()
        assert [status.message for status in ends if status.phase is not Phase.DONE] == []


# --- Logs ---


def test_logs_are_read_piece_by_piece(bench: Bench) -> None:
    text = "a" + "é" * 1_000_000 + "한\n"
    step = bench.step("sys.stdout.write('a' + 'é' * 1_000_000 + '한\\n')")
    bench.run(step)

    assert bench.log(step) == text
    size = len(text.encode())
    assert bench.launcher.logs(step.run_key, size - 4) == ("한\n", size)
    assert bench.launcher.logs(step.run_key, size) == ("", size)


def test_a_letter_on_its_way_is_waited_for(bench: Bench) -> None:
    step = bench.step(
        """
        for byte in "한글\\n".encode():
            os.write(1, bytes([byte]))
            time.sleep(0.1)
        """
    )
    bench.launcher.start(step)
    text, offset = "", 0

    def read() -> bool:
        nonlocal text, offset
        more, offset = bench.launcher.logs(step.run_key, offset)
        text += more
        return "\n" in text

    assert eventually(read)
    assert text == "한글\n"


def test_a_line_is_shown_once_it_is_whole(bench: Bench) -> None:
    step = bench.step("sys.stdout.write('epoch 1'); sys.stdout.flush(); time.sleep(0.5); print(': loss 0.1')")
    bench.launcher.start(step)
    shown: list[str] = []
    offset = 0

    def follow() -> bool:
        nonlocal offset
        offset = show(bench.launcher, step.run_key, offset, shown.append)
        return bench.launcher.status(step.run_key).phase in TERMINAL

    assert eventually(follow)
    follow()
    assert shown == ["epoch 1: loss 0.1"]


def test_bytes_that_are_no_text_do_not_stop_the_log(bench: Bench) -> None:
    step = bench.step("os.write(1, b'before \\xff\\xfe after\\n\\xed')")
    bench.run(step)

    log = bench.log(step)
    assert log.startswith("before ")
    assert " after\n" in log
    assert bench.launcher.logs(step.run_key, 0)[1] == 17
