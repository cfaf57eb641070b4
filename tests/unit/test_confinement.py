"""What an inference process can reach, tried from inside one: its package for reading, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.support.hostile_models import write_model

from jinsu.serving.service import Service

# Each is tried in a process of its own that is confined to the folder in `package`; `server` is the process that started it.
ATTEMPTS = {
    "reads a password": "open(secret)",
    "reads the accounts": "open('/etc/passwd')",
    "lists the folder above": "os.listdir(os.path.dirname(package))",
    "reads the server's environment": "open(f'/proc/{server}/environ')",
    "reads the server's memory": "open(f'/proc/{server}/mem')",
    "writes into its package": "open(package + '/model.json', 'w')",
    "makes a file in its package": "open(package + '/new', 'w')",
    "removes a file of its package": "os.unlink(package + '/model.json')",
    "writes into /tmp": "open('/tmp/escaped', 'w')",
    "leads out by a link": "os.symlink(secret, package + '/link')",
    "opens a socket": "socket.socket()",
    "opens a Unix socket": "socket.socket(socket.AF_UNIX)",
    "ends the server": "os.kill(server, 9)",
    "starts a program": "os.execv('/bin/true', ['true'])",
    "raises its limit": "resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
    "opens another process": "os.pidfd_open(server)",
}
SCRIPT = """
import os, resource, socket, sys
from pathlib import Path
from jinsu.inference.confinement import confine
package, secret, server, attempt = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
confine(Path(package))
assert open(package + "/model.json").read(), "the package can be read"
try:
    exec(attempt)
except (PermissionError, ValueError):  # a limit says that it may not be raised
    print("refused")
else:
    print("done")
"""


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_inference_process_reaches_nothing_else(tmp_path: Path, attempt: str) -> None:
    package = write_model(tmp_path / "package", "loop")
    (tmp_path / "secret").write_text("password")
    words = [str(package), str(tmp_path / "secret"), str(os.getpid()), ATTEMPTS[attempt]]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("refused\n", "")
    assert (package / "model.json").exists()


def test_without_confinement_each_attempt_would_succeed(tmp_path: Path) -> None:
    """So the attempts mean something; the two that would end the test are left out."""
    for attempt in ATTEMPTS.keys() - {
        "ends the server",
        "starts a program",
        "raises its limit",
        "reads the server's memory",
    }:
        package = write_model(tmp_path / attempt.replace("/", " "), "loop")
        (tmp_path / "secret").write_text("password")
        script = SCRIPT.replace("confine(Path(package))", "").replace("/tmp/escaped", str(tmp_path / "escaped"))
        words = [
            str(package),
            str(tmp_path / "secret"),
            str(os.getpid()),
            ATTEMPTS[attempt].replace("/tmp", str(tmp_path)),
        ]
        done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60)
        assert done.stdout == "done\n", (attempt, done.stderr)


def test_every_thread_of_a_model_server_that_sees_the_model_is_confined(tmp_path: Path) -> None:
    service = Service(write_model(tmp_path / "package", "loop"), "m", "3")
    try:
        threads = list(Path(f"/proc/{service.engine.pid}/task").iterdir())
        for thread in threads:
            status = dict(
                line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line
            )
            assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert psutil.Process(service.engine.pid).children() == []
    finally:
        service.close()
