"""Installations for the tests of stages, records, reconciliation and the API: each test gets a copy of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.api_client import ApiClient
from tests.support.live_server import live
from tests.support.stage_bench import StageBench, all_hold, make_home

from jinsu.api.app import create_app
from jinsu.cli.main import main
from jinsu.runs.stages import ORDER, StageName

ApiAfter = Callable[[StageName | None], tuple[StageBench, ApiClient]]


class Templates:
    """Installations whose run has come so far, each made once for all tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[StageName | None, StageBench] = {}

    def after(self, stage: StageName | None) -> StageBench:
        """One in which the run has done this stage and those before it; with None, it is only accepted."""
        if stage not in self._made:
            self._made[stage] = self._make(stage)
        return self._made[stage]

    def _make(self, stage: StageName | None) -> StageBench:
        home = self._folder / f"after-{stage}"
        if stage is None:
            home.mkdir()
            make_home(home)
            bench = StageBench(home)
            bench.submit()
            return bench
        place = ORDER.index(stage)
        bench = self.after(ORDER[place - 1] if place else None).copy_to(home)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("jinsu.confined.validate.validate", all_hold)
            bench.carry_out(stage)
        return bench


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(tmp_path_factory.mktemp("stages"))


@pytest.fixture
def no_great_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every expectation holds, without the library, which takes seconds to import."""
    monkeypatch.setattr("jinsu.confined.validate.validate", all_hold)


@pytest.fixture(scope="session")
def used_before() -> list[StageBench]:
    """Installations of earlier tests. One that becomes another is ready sooner than a new one: its statements are known."""
    return []


@pytest.fixture
def bench_after(
    templates: Templates, used_before: list[StageBench], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[StageName | None], StageBench]]:
    """Makes an installation whose run has done a stage and those before it; with None, its run is only accepted."""
    made: list[StageBench] = []

    def make(stage: StageName | None, **settings: object) -> StageBench:
        if settings or not used_before:
            bench = templates.after(stage).copy_to(tmp_path_factory.mktemp("bench") / "home", **settings)
        else:
            bench = used_before.pop()
            bench.become(templates.after(stage))
        made.append(bench)
        return bench

    yield make
    for bench in made:
        bench.close()
    used_before += [bench for bench in made if bench.usual]


@pytest.fixture(scope="session")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> tuple[StageBench, ApiClient]:
    """Describing all its routes makes an application slow to build, so the tests share one, and none its records."""
    bench = StageBench(tmp_path_factory.mktemp("api") / "home")
    return bench, ApiClient(bench.installation)


@pytest.fixture
def api_after(shared_api: tuple[StageBench, ApiClient], templates: Templates) -> ApiAfter:
    """Makes the installation one whose run, of ann, has done a stage and those before it, and gives its API."""

    def become(stage: StageName | None) -> tuple[StageBench, ApiClient]:
        shared_api[0].become(templates.after(stage))
        return shared_api

    return become


@pytest.fixture
def bench(api_after: ApiAfter) -> StageBench:
    """One accepted run, of ann; with `api`, whose records these are."""
    return api_after(None)[0]


@pytest.fixture
def api(bench: StageBench, shared_api: tuple[StageBench, ApiClient]) -> ApiClient:
    return shared_api[1]


@pytest.fixture
def jinsu(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs a command against the API of `bench` as `who`; gives its exit code, what it printed and what it complained."""

    def run(*arguments: object, who: str = "ann") -> tuple[int, str, str]:
        monkeypatch.setenv("JINSU_TOKEN", f"token of {who}")
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        code = ended.value.code
        return code if isinstance(code, int) else 0, printed.out, printed.err

    with live(create_app(bench.installation)) as port:
        monkeypatch.setenv("JINSU_API", f"http://127.0.0.1:{port}")
        yield run
