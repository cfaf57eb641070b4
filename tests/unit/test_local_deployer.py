"""Model servers of one machine: which programs the supervisor is given."""

from pathlib import Path
from typing import cast

from jinsu.clients.supervisord import Program, Supervisor
from jinsu.deployers.local_deployer import LocalDeployer
from jinsu.packaging.contents import SealedPackage


class Programs:
    """A supervisor that starts nothing."""

    def __init__(self) -> None:
        self.added = {"envoy": Program("envoy", ("envoy",))}

    def add(self, program: Program) -> None:
        self.added[program.name] = program

    def remove(self, name: str) -> None:
        self.added.pop(name, None)

    def names(self) -> dict[str, str]:
        return dict.fromkeys(self.added, "RUNNING")


def test_a_server_answers_from_the_package_of_its_run_key(tmp_path: Path) -> None:
    programs = Programs()
    deployer = LocalDeployer(cast(Supervisor, programs), tmp_path / "run", tmp_path / "steps")

    backend = deployer.deploy("digits", "3", SealedPackage("abc"))

    command = programs.added["model-digits-v3"].command
    assert str(tmp_path / "steps" / "abc" / "out") in command
    assert command[command.index("--socket") + 1] == backend.address
    assert command[command.index("--grpc") + 1] == f"unix:{backend.grpc}"
    for place in (backend.address, backend.grpc):
        assert Path(place).parent.stat().st_mode & 0o777 == 0o700
    assert deployer.deploy("digits", "3", SealedPackage("abc")) == backend


def test_only_model_servers_are_deployed_and_each_can_be_retired(tmp_path: Path) -> None:
    programs = Programs()
    deployer = LocalDeployer(cast(Supervisor, programs), tmp_path / "run", tmp_path / "steps")
    deployer.deploy("digits", "3", SealedPackage("abc"))
    backend = deployer.deploy("a-v2", "10", SealedPackage("def"))
    assert deployer.deployed() == {"digits-v3", "a-v2-v10"}

    deployer.retire(backend)
    assert deployer.deployed() == {"digits-v3"}
    assert set(programs.added) == {"envoy", "model-digits-v3"}


def test_a_server_knows_what_its_package_must_contain_and_how_much_memory_it_may_take(tmp_path: Path) -> None:
    programs = Programs()
    deployer = LocalDeployer(cast(Supervisor, programs), tmp_path / "run", tmp_path / "steps")
    deployer.deploy("digits", "3", SealedPackage("abc", "d" * 64, 2**30))

    command = programs.added["model-digits-v3"].command
    assert command[command.index("--contents") + 1] == "d" * 64
    assert int(command[command.index("--memory") + 1]) == 256 * 2**20 + 3 * 2**30
