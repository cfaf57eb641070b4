"""A script on this machine is confined: each test is a script that tries to get out, and fails."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.contract.launcher_suite import MODEL, Bench, Own
from tests.support.waiting import eventually

from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.objects.mirror import Mirror
from jinsu.steps.confinement import confinement
from jinsu.steps.result import read_result
from jinsu.steps.runner_state import read_state
from jinsu.steps.sandbox import SEEN
from jinsu.steps.status import Phase

if reason := confinement():
    pytest.skip(f"steps cannot be confined here: {reason}", allow_module_level=True)

SECRET = "hush-hush"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of an installation, with what no script may read."""
    home = tmp_path / "home"
    held_out = home / "objects/steps" / ("a" * 64) / "out/holdout.parquet"
    for path in (home / "settings.json", home / "first-password.json", held_out):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    return home


@pytest.fixture
def bench(home: Path, tmp_path: Path, own: Own) -> Bench:
    launcher = LocalLauncher(home / "objects/steps", home, shown=(tmp_path / "outside",))
    return Bench(launcher, Mirror(home / "objects"), tmp_path)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server of this machine that counts who connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def ends_well(bench: Bench, script: str) -> None:
    """The script tries something, asserts that it failed, and then saves its model."""
    step = bench.step(f"{script}\nsave()", requires=MODEL)
    status = bench.run(step)
    assert status.phase is Phase.DONE, f"{status.message}\n{bench.log(step)}"
    assert SECRET not in bench.log(step)


# --- What it may not read ---

UNREADABLE = """
target = Path({target!r})
assert not target.exists(), target
for look in (target.read_bytes, lambda: list(target.iterdir()), lambda: os.open(target, os.O_RDONLY)):
    try:
        print(look())
    except OSError:
        continue
    sys.exit("it can be read")
"""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("objects/steps/" + "a" * 64 + "/out/holdout.parquet", id="held-out rows"),
        pytest.param("objects/steps/" + "a" * 64, id="another step"),
        pytest.param("objects", id="the objects"),
        pytest.param("settings.json", id="settings"),
        pytest.param("first-password.json", id="passwords"),
    ],
)
def test_nothing_of_the_installation_can_be_read(bench: Bench, home: Path, name: str) -> None:
    assert (home / name).exists()
    ends_well(bench, UNREADABLE.format(target=str(home / name)))


@pytest.mark.parametrize("way", ["..", "a link", "/proc/1/root", "/proc/self/cwd"])
def test_no_way_around_leads_to_it(bench: Bench, home: Path, way: str) -> None:
    ways = {
        "..": f"found = root / 'in/../../..' / {str(home / 'settings.json')[1:]!r}",
        "a link": f"found = out / 'link'; found.symlink_to({str(home / 'settings.json')!r})",
        "/proc/1/root": f"found = Path('/proc/1/root' + {str(home / 'settings.json')!r})",
        "/proc/self/cwd": "found = Path('/proc/self/cwd/../../../settings.json')",
    }
    ends_well(bench, f"{ways[way]}\nassert not found.exists()\n(out / 'link').unlink(missing_ok=True)")


@pytest.mark.parametrize("place", ["beside the packages", "beside the source"])
def test_a_home_inside_of_what_is_shown_is_empty(tmp_path: Path, own: Own, place: str) -> None:
    """`JINSU_HOME` may lie in the folder of a virtual environment or of a checkout, which scripts need to see."""
    bound = Path(sys.prefix) if place == "beside the packages" else Path(__file__).parents[2] / "platform"
    if not os.access(bound, os.W_OK):
        pytest.skip(f"{bound} cannot be written to")
    home = bound / f".home-of-a-test-{os.getpid()}"
    home.mkdir()
    try:
        (home / "settings.json").write_text(SECRET)
        bench = Bench(LocalLauncher(home / "objects/steps", home), Mirror(home / "objects"), tmp_path)
        ends_well(
            bench,
            f"""
home = Path({str(home)!r})
print(list(home.iterdir()))
assert list(home.iterdir()) == []
try:
    (home / "left").write_bytes(b"")
except OSError:
    pass
else:
    sys.exit("it can be written to")
""",
        )
    finally:
        shutil.rmtree(home)


def test_a_link_in_the_place_of_a_folder_is_not_followed(bench: Bench, home: Path) -> None:
    """A script that was not confined, in an earlier version, may have left it."""
    step = bench.step("print(*(root / 'checkpoints').iterdir()); save()")
    folder = home / "objects/steps" / step.run_key
    folder.mkdir()
    (folder / "checkpoints").symlink_to(home)

    status = bench.run(step)

    assert status.phase is Phase.FAILED
    assert "checkpoints: is a symbolic link" in status.message
    assert "settings.json" not in bench.log(step)


# --- Other processes ---


def test_no_other_process_is_seen(bench: Bench) -> None:
    """Their environments hold passwords."""
    with subprocess.Popen(["sleep", "60"], env={"PASSWORD": SECRET}) as other:
        try:
            ends_well(
                bench,
                """
numbers = [name for name in os.listdir("/proc") if name.isdigit()]
print(numbers)
assert len(numbers) == 2, "this process, and the first one of its namespace"
for number in numbers:
    environment = Path(f"/proc/{number}/environ").read_bytes()
    assert b"JINSU_STEP_DIR=/jinsu/step" in environment
    print(environment)
""",
            )
        finally:
            other.kill()


def test_no_other_process_can_be_killed(bench: Bench) -> None:
    step = bench.step("note('ready')\nwhile not outside.with_name('go').exists(): time.sleep(0.02)\n" + KILL)
    bench.launcher.start(step)
    assert eventually(bench.notes)
    state = read_state(bench.launcher.files(step.run_key))  # type: ignore[attr-defined]
    assert state is not None
    draft = bench.outside.with_name("draft")
    draft.write_text(f"{state.pid} {os.getpid()}")
    draft.replace(bench.outside.with_name("go"))  # whole: the script reads it as soon as it is there

    status = bench.end(step)

    assert status.phase is Phase.DONE, status.message


KILL = """
numbers = [int(word) for word in outside.with_name('go').read_text().split()]
for number in numbers:
    try:
        os.kill(number, 9)
    except ProcessLookupError:
        continue
    sys.exit("it was killed")
os.kill(os.getppid(), 9)  # the first process of its own namespace, which the kernel protects
time.sleep(0.3)
assert os.getppid() == 1
save()
"""


# --- The network ---

UNREACHABLE = """
import socket
for family, address in {addresses!r}:
    with socket.socket(getattr(socket, family)) as client:
        client.settimeout(2)
        try:
            client.connect(tuple(address) if isinstance(address, list) else address)
        except OSError as problem:
            print(problem)
            continue
        sys.exit(f"{{address}} answers")
"""


def test_no_server_of_this_machine_is_reached(bench: Bench, listener: socket.socket, home: Path) -> None:
    port = listener.getsockname()[1]
    with socket.socket(socket.AF_UNIX) as named, socket.socket(socket.AF_UNIX) as unnamed:
        named.bind(str(home / "supervisor.sock"))
        unnamed.bind(f"\0jinsu-test-{os.getpid()}")
        for server in (named, unnamed):
            server.listen()
        addresses = [
            ["AF_INET", ["127.0.0.1", port]],
            ["AF_UNIX", str(home / "supervisor.sock")],
            ["AF_UNIX", f"\0jinsu-test-{os.getpid()}"],
        ]
        ends_well(bench, UNREACHABLE.format(addresses=addresses))


def test_nothing_outside_is_reached(bench: Bench) -> None:
    ends_well(
        bench,
        UNREACHABLE.format(addresses=[["AF_INET", ["192.0.2.1", 443]], ["AF_INET", ["1.1.1.1", 53]]])
        + "assert [name for _, name in socket.if_nameindex()] == ['lo']",
    )


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A web server of this machine that answers `hello` and what it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"hello {self.path}".encode())

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


ASK = """
import http.client, urllib.error, urllib.request

def ask(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.read().decode()

def through_a_tunnel(host, port):
    connection = http.client.HTTPConnection("127.0.0.1", 3128, timeout=10)
    connection.set_tunnel(host, port)
    connection.request("GET", "/tunnel")
    return connection.getresponse().read().decode()

# What a proxy is asked for. Python itself asks none for this machine's addresses.
os.environ["no_proxy"] = os.environ["NO_PROXY"] = ""
"""


def test_a_step_reaches_what_it_names(bench: Bench, server: HTTPServer) -> None:
    port = server.server_port
    step = bench.step(
        ASK
        + f"""
assert ask("http://127.0.0.1:{port}/page?a=b") == "hello /page?a=b"
assert through_a_tunnel("127.0.0.1", {port}) == "hello /tunnel"
save()
"""
    )

    status = bench.run(replace(step, egress=(f"127.0.0.1:{port}",)))

    assert status.phase is Phase.DONE, f"{status.message} {bench.log(step)}"


def test_a_step_reaches_nothing_else(bench: Bench, server: HTTPServer, listener: socket.socket) -> None:
    """Neither around the proxy, nor by a name that leads to this machine, nor another port."""
    port, other = server.server_port, listener.getsockname()[1]
    step = bench.step(
        ASK
        + UNREACHABLE.format(addresses=[["AF_INET", ["127.0.0.1", port]], ["AF_INET", ["1.1.1.1", 443]]])
        + f"""
refused = ask("http://localhost:{other}/")
assert refused == "jinsu: this step may not reach localhost:{other}; it may reach localhost:{port}.\\n", refused
for host in ("localhost", "127.0.0.1", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]"):
    assert "may not reach" in ask(f"http://{{host}}:{port}/"), host
try:
    through_a_tunnel("localhost", {port})
except OSError as problem:
    assert "403" in str(problem), problem
save()
"""
    )

    status = bench.run(replace(step, egress=(f"localhost:{port}",)))

    assert status.phase is Phase.DONE, f"{status.message} {bench.log(step)}"


def test_what_is_no_request_stops_no_proxy(bench: Bench, server: HTTPServer) -> None:
    port = server.server_port
    step = bench.step(
        ASK
        + f"""
import socket
for junk in (b"", b"\\0" * 100, b"GET\\r\\n\\r\\n", b"CONNECT :1 HTTP/1.1\\r\\n\\r\\n", b"GET http://[ HTTP/1.1\\r\\n\\r\\n",
             b"CONNECT a:99999 HTTP/1.1\\r\\n\\r\\n", b"x" * 200_000, b"GET / HTTP/1.1\\r\\n\\r\\n"):
    with socket.create_connection(("127.0.0.1", 3128), 5) as client:
        try:
            client.sendall(junk)
            client.shutdown(socket.SHUT_WR)
            print(client.recv(1000))
        except OSError as problem:
            print(problem)
many = [socket.create_connection(("127.0.0.1", 3128), 5) for _ in range(200)]
for client in many:
    client.close()
time.sleep(0.5)
assert ask("http://127.0.0.1:{port}/") == "hello /"
save()
"""
    )

    status = bench.run(replace(step, egress=(f"127.0.0.1:{port}",)))

    assert status.phase is Phase.DONE, f"{status.message} {bench.log(step)}"


# --- The platform's own files about the step ---

CONTROL_FILES = [
    "agent.lock",
    "attempt",
    "cancel",
    "log.txt",
    "reserve",
    "result.json",
    "start.lock",
    "state.json",
    "step.json",
]


@pytest.mark.parametrize("name", CONTROL_FILES)
def test_a_control_file_can_be_neither_seen_nor_changed(bench: Bench, name: str) -> None:
    step = bench.step(
        f"""
        control = root / {name!r}
        assert not control.exists()
        for act in (control.unlink, lambda: control.write_text("forged"), lambda: control.symlink_to("out")):
            try:
                act()
            except OSError:
                continue
            sys.exit("it worked")
        assert sorted(path.name for path in root.iterdir()) == ["checkpoints", "in", "metrics.jsonl", "out"]
        note("ready")
        while not outside.with_name("go").exists():
            time.sleep(0.02)
        save()
        """,
        requires=MODEL,
    )
    bench.launcher.start(step)
    assert eventually(bench.notes)

    assert bench.launcher.start(step).phase is Phase.RUNNING  # found alive: nothing is started twice
    bench.outside.with_name("go").touch()
    status = bench.end(step)

    assert status.phase is Phase.DONE, f"{status.message} {bench.log(step)}"
    assert bench.notes() == ["ready"]


def test_what_a_step_used_cannot_be_forged(bench: Bench) -> None:
    step = bench.step(
        """
        import json
        save()
        forged = json.dumps({"run_key": "a" * 64, "outputs": {}, "seconds": 0, "gpu_seconds": 0, "peak_memory": 1})
        for folder in (out, root / "in", root / "checkpoints", Path("/tmp")):
            (folder / "result.json").write_text(forged)
            (folder / "state.json").write_text(json.dumps({"phase": "done"}))
        time.sleep(1)
        """,
        gpu=2,
    )

    status = bench.run(step)

    assert status.result is not None, status.message
    assert status.result.seconds > 1
    assert status.result.gpu_seconds == pytest.approx(2 * status.result.seconds, abs=0.01)


# --- The kernel ---


@pytest.mark.parametrize("flag", [0x10000000, 0x00020000, 0x40000000], ids=["user", "mount", "network"])
def test_no_namespace_can_be_made(bench: Bench, flag: int) -> None:
    ends_well(
        bench,
        f"""
import ctypes
library = ctypes.CDLL(None, use_errno=True)
assert library.unshare({flag}) == -1, "a new namespace"
print(os.strerror(ctypes.get_errno()))
""",
    )


def test_it_has_no_capability_and_gets_none(bench: Bench) -> None:
    ends_well(
        bench,
        """
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
assert status["NoNewPrivs"].strip() == "1"
assert os.getuid() == 1000
""",
    )


def test_no_setting_of_the_kernel_can_be_written(bench: Bench) -> None:
    """`core_pattern` names a program that the kernel starts as root. Its owner is root: also who runs in here as 1000."""
    ends_well(
        bench,
        """
opened = []
for folder in ("/proc/sys/kernel", "/proc/sys/vm", "/proc/sys/fs", "/proc", "/sys"):
    for path in Path(folder).rglob("*") if folder == "/sys" else Path(folder).iterdir():
        if path.is_file():
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                continue
            opened.append(str(path))
assert opened == [], opened
assert Path("/proc/sys/kernel/core_pattern").exists()
""",
    )


@pytest.mark.parametrize("folder", ["/", "/usr", "/etc", "/dev", "/jinsu/step", sys.prefix])
def test_nothing_else_can_be_written(bench: Bench, folder: str) -> None:
    """What is written to a folder in memory would count against no limit; what is written to a library is for the next one."""
    ends_well(
        bench,
        f"""
try:
    (Path({folder!r}) / "left-by-a-test").write_bytes(b"")
except OSError as problem:
    print(problem)
else:
    sys.exit("it can be written to")
""",
    )


def test_files_in_shared_memory_count_as_memory(bench: Bench) -> None:
    step = bench.step(
        "Path('/dev/shm/block').write_bytes(bytes(150 << 20)); block = bytes(1); time.sleep(30)", memory=400 << 20
    )
    status = bench.run(replace(step, limits=replace(step.limits, seconds=2.0)))
    assert status.result is None
    assert "ran longer than 2 s" in status.message  # 150 MiB are within its limit

    step = bench.step(
        "Path('/dev/shm/block').write_bytes(bytes(150 << 20)); block = b'x' * (300 << 20); time.sleep(30)",
        memory=400 << 20,
    )
    status = bench.run(step)
    assert "the limit is 400Mi" in status.message


def test_shared_memory_is_half_of_the_memory(bench: Bench) -> None:
    ends_well(bench, "seen = os.statvfs('/dev/shm'); assert seen.f_blocks * seen.f_frsize == 2**29, seen")


# --- Its own world ---


def test_its_folders_have_short_names_and_lie_on_the_disk(bench: Bench) -> None:
    ends_well(
        bench,
        f"""
import tempfile
assert root == Path({str(SEEN.root)!r})
assert tempfile.gettempdir() == os.environ["HOME"] == "/tmp"
assert os.stat("/tmp").st_dev == os.stat(out).st_dev
""",
    )


def test_temporary_files_go_with_the_step(bench: Bench, home: Path) -> None:
    step = bench.step("Path('/tmp/left').write_bytes(b'x')")
    bench.run(step)
    assert list((home / "objects/steps" / step.run_key).glob("tmp*")) == []


def test_secrets_reach_the_script_and_go_with_the_attempt(bench: Bench, home: Path) -> None:
    step = bench.step(
        "assert (root / 'in/secrets.json').stat().st_mode & 0o777 == 0o600\nprint((root / 'in/secrets.json').read_text())"
    )
    step = replace(step, secrets={"salt": "pepper"})

    bench.run(step)

    assert json.loads(bench.log(step)) == {"salt": "pepper"}
    folder = home / "objects/steps" / step.run_key
    assert not (folder / "in/secrets.json").exists()
    kept = [path for path in folder.rglob("*") if path.is_file() and path.name != "log.txt"]
    assert [path for path in kept if b"pepper" in path.read_bytes()] == []


@pytest.mark.parametrize("end", ["interrupted", "cancelled", "the runner is killed"])
def test_secrets_of_an_attempt_without_an_end_go_too(bench: Bench, home: Path, end: str) -> None:
    step = replace(bench.step("note('ready'); time.sleep(60)"), secrets={"salt": "pepper"})
    launcher = bench.launcher
    assert isinstance(launcher, LocalLauncher)
    launcher.start(step)
    assert eventually(bench.notes)
    secrets = launcher.files(step.run_key).secrets
    assert secrets.exists()

    match end:
        case "interrupted":
            launcher.interrupt()
        case "cancelled":
            launcher.cancel(step.run_key, "enough")
        case _:
            state = read_state(launcher.files(step.run_key))
            assert state is not None
            os.kill(state.pid, 9)
    bench.end(step)

    assert not secrets.exists()


def test_programs_and_certificates_are_there(bench: Bench) -> None:
    ends_well(
        bench,
        """
import getpass, ssl
assert getpass.getuser() == "step"
assert subprocess.run(["sh", "-c", "id -un; date"], check=True, capture_output=True).stdout.startswith(b"step")
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 0
import numpy
""",
    )


def test_a_runner_that_is_killed_takes_its_script_with_it(bench: Bench, own: Own) -> None:
    step = bench.step("os.fork() or os.setsid(); note('ready'); time.sleep(60)")
    bench.launcher.start(step)
    assert eventually(lambda: len(bench.notes()) == 2)
    assert len(own()) > 2
    state = read_state(bench.launcher.files(step.run_key))  # type: ignore[attr-defined]
    assert state is not None

    os.kill(state.pid, 9)

    assert eventually(lambda: own() == [], within=20)
    assert read_result(bench.launcher.files(step.run_key).root) is None  # type: ignore[attr-defined]
