"""The names of the trigger form: whoever changes them at the same time, nothing is lost."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from jinsu.clients.kubernetes import Kind, Kube
from jinsu.errors import BadInputError, ConflictError, JinsuError, PermanentError, TransientError
from jinsu.runs.catalog import FILE_NAME, Catalog, Known
from jinsu.runs.kubernetes_catalog import KubernetesCatalog
from jinsu.runs.local_catalog import LocalCatalog

PLACE, NAME = "jinsu", "jinsu-catalog"

# --- A small API server: HTTP, resource versions, pages, and the refusals of the real one ---


@dataclass
class ApiServer:
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=lambda: {PLACE})
    answers: list[int] = field(default_factory=list)
    hurt: Callable[[str, str], int] = lambda verb, path: 0
    before_patch: Callable[[], None] = lambda: None
    lock: Any = field(default_factory=threading.RLock)
    version: int = 100

    def handle(self, verb: str, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(target)
        if code := self.hurt(verb, parts.path):
            return code, {"kind": "Status", "message": f"told to answer {code}"}
        if verb == "PATCH":
            self.before_patch()
        with self.lock:
            return self._handle(verb, parts.path, parse_qs(parts.query), body)

    def _handle(self, verb: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:
        namespace = path.partition("/namespaces/")[2].partition("/")[0]
        if namespace not in self.namespaces:
            return 404, {"kind": "Status", "message": f'namespaces "{namespace}" not found'}
        if verb == "POST":
            return self._write(f"{path}/{body['metadata']['name']}", body, new=True)
        if verb == "GET" and path.rpartition("/")[2] in {kind.value[1] for kind in Kind}:
            found = sorted(key for key in self.objects if key.rpartition("/")[0] == path)
            return self._page([self.objects[key] for key in found], query)
        if verb == "PATCH" and "fieldManager" in query:  # server-side apply
            return self._write(path, body, new=path not in self.objects)
        if path not in self.objects:
            return 404, {"kind": "Status", "message": "not found"}
        if verb == "DELETE":
            return 200, self.objects.pop(path)
        if verb == "PATCH":
            wanted = body.get("metadata", {}).get("resourceVersion")
            if wanted not in (None, self.objects[path]["metadata"]["resourceVersion"]):
                return 409, {"kind": "Status", "message": "the object has been modified"}
            return self._write(path, merged(self.objects[path], body))
        return 200, self.objects[path]

    def _write(self, path: str, body: dict[str, Any], new: bool = False) -> tuple[int, dict[str, Any]]:
        if new and path in self.objects:
            return 409, {"kind": "Status", "message": "already exists"}
        self.version += 1
        self.objects[path] = merged(body, {"metadata": {"resourceVersion": str(self.version)}})
        return 201 if new else 200, self.objects[path]

    def _page(self, found: list[dict[str, Any]], query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        begin, limit = int(query.get("continue", ["0"])[0]), int(query.get("limit", ["500"])[0])
        more = {"continue": str(begin + limit)} if begin + limit < len(found) else {}
        return 200, {"items": found[begin : begin + limit], "metadata": more}


def merged(old: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """RFC 7386."""
    found = dict(old)
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key, {}), value) if isinstance(value, dict) else value
    return found


@pytest.fixture
def api() -> ApiServer:
    server = ApiServer()
    path = Kind.CONFIG_MAP.path(PLACE, NAME)
    server.objects[path] = {"metadata": {"name": NAME, "resourceVersion": "1"}, "data": {FILE_NAME: "{}", "other": "x"}}
    return server


@pytest.fixture
def kube(api: ApiServer, tmp_path: Path) -> Iterator[Kube]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, document = api.handle(self.command, self.path, json.loads(body or b"{}"))
            api.answers.append(status)
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "x",
                "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
                "users": [{"name": "x", "user": {"token": "t"}}],
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            }
        )
    )
    yield Kube(str(path))
    server.shutdown()


@pytest.fixture
def remote(kube: Kube) -> KubernetesCatalog:
    return KubernetesCatalog(kube, PLACE, NAME)


@pytest.fixture(params=["file", "config map"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Catalog:
    if request.param == "config map":
        return request.getfixturevalue("remote")  # type: ignore[no-any-return]
    return LocalCatalog(tmp_path / "catalog.json")


# --- What every catalog promises ---


def test_an_empty_catalog_knows_nothing(catalog: Catalog) -> None:
    assert catalog.read() == Known()


def test_what_is_remembered_is_read(catalog: Catalog) -> None:
    catalog.remember_model("digits", "aa")
    catalog.remember_dataset("mnist")
    catalog.remember_dataset("adult")
    catalog.remember_dataset("mnist")
    assert catalog.read() == Known({"digits": "aa"}, ("adult", "mnist"))


def test_the_latest_code_of_a_model_wins(catalog: Catalog) -> None:
    for digest in ("aa", "bb"):
        catalog.remember_model("digits", digest)
    assert catalog.read().models == {"digits": "bb"}


def test_an_example_never_takes_a_researchers_place(catalog: Catalog) -> None:
    catalog.remember_model("digits", "aa")
    catalog.remember_model("digits", "example", replace_known=False)
    catalog.remember_model("new", "example", replace_known=False)
    assert catalog.read().models == {"digits": "aa", "new": "example"}


def test_changes_at_the_same_time_are_all_kept(catalog: Catalog) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: catalog.remember_model(f"m{number}", str(number)), range(12)))
        list(pool.map(lambda number: catalog.remember_dataset(f"d{number:02}"), range(12)))
    known = catalog.read()
    assert known.models == {f"m{number}": str(number) for number in range(12)}
    assert known.datasets == tuple(f"d{number:02}" for number in range(12))


# --- In a file ---


def test_processes_that_change_a_file_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    script = (
        "import sys; from pathlib import Path; from jinsu.runs.local_catalog import LocalCatalog\n"
        "catalog = LocalCatalog(Path(sys.argv[1]))\n"
        "for n in range(30): catalog.remember_model(f'{sys.argv[2]}-{n}', 'x')"
    )
    started = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in ("a", "b", "c")]
    seen = 0
    while any(process.poll() is None for process in started):
        if path.exists():
            known = json.loads(path.read_text())  # whole at every moment
            assert len(known["models"]) >= seen
            seen = len(known["models"])
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(LocalCatalog(path).read().models) == 90


def test_a_file_is_there_from_the_start(tmp_path: Path) -> None:
    catalog = LocalCatalog(tmp_path / "catalog.json")
    catalog.create()
    assert json.loads((tmp_path / "catalog.json").read_text()) == {"models": {}, "datasets": []}
    catalog.remember_dataset("mnist")
    catalog.create()
    assert catalog.read().datasets == ("mnist",)


# --- In a ConfigMap ---


def test_a_change_in_between_is_kept_and_the_own_one_is_made_again(remote: KubernetesCatalog, api: ApiServer) -> None:
    other, turns = KubernetesCatalog(remote._kube, PLACE, NAME), iter("abc")

    def interfere() -> None:
        api.before_patch = lambda: None
        if (name := next(turns, "")) != "":
            other.remember_model(name, "theirs")
            api.before_patch = interfere

    api.before_patch = interfere
    remote.remember_model("mine", "aa")
    assert remote.read().models == {"mine": "aa", "a": "theirs", "b": "theirs", "c": "theirs"}
    assert api.answers.count(409) == 3


def test_what_is_known_already_costs_no_change(remote: KubernetesCatalog, api: ApiServer) -> None:
    remote.remember_model("digits", "aa")
    version = api.version
    remote.remember_model("digits", "aa")
    remote.remember_model("digits", "bb", replace_known=False)
    assert api.version == version


def test_what_else_is_in_the_object_stays(remote: KubernetesCatalog, api: ApiServer) -> None:
    remote.remember_model("digits", "aa")
    assert api.objects[Kind.CONFIG_MAP.path(PLACE, NAME)]["data"]["other"] == "x"


@pytest.mark.parametrize("data", [None, {}, {FILE_NAME: ""}, {FILE_NAME: "{}"}, {FILE_NAME: '{"models": {}}'}])
def test_an_object_without_a_document_is_an_empty_catalog(data: Any, remote: KubernetesCatalog, api: ApiServer) -> None:
    found = api.objects[Kind.CONFIG_MAP.path(PLACE, NAME)]
    found.pop("data")
    if data is not None:
        found["data"] = data
    assert remote.read() == Known()
    remote.remember_dataset("mnist")
    assert remote.read().datasets == ("mnist",)


def test_a_missing_object_is_waited_for(remote: KubernetesCatalog, api: ApiServer) -> None:
    api.objects.clear()
    with pytest.raises(TransientError, match=f"{NAME} is missing"):
        remote.remember_model("digits", "aa")


def test_endless_conflicts_end_with_a_sentence(remote: KubernetesCatalog, api: ApiServer) -> None:
    api.hurt = lambda verb, path: 409 if verb == "PATCH" else 0
    with pytest.raises(TransientError, match="changes too often"):
        remote.remember_model("digits", "aa")


# --- What the API server refuses, in words ---


@pytest.mark.parametrize(("status", "kind"), [(409, ConflictError), (422, BadInputError), (400, BadInputError)])
def test_a_refusal_quotes_the_server(status: int, kind: type[JinsuError], kube: Kube, api: ApiServer) -> None:
    api.hurt = lambda verb, path: status
    with pytest.raises(kind, match=f"told to answer {status}"):
        kube.create(Kind.JOB, PLACE, {"metadata": {"name": "step-1"}})


@pytest.mark.parametrize("status", [410, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status: int, kube: Kube, api: ApiServer) -> None:
    api.hurt = lambda verb, path: status
    with pytest.raises(TransientError):
        kube.get(Kind.JOB, PLACE, "step-1")


def test_a_server_that_is_away_is_tried_again(tmp_path: Path, kube: Kube) -> None:
    config = json.loads((tmp_path / "kubeconfig").read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    (tmp_path / "away").write_text(json.dumps(config))
    with pytest.raises(TransientError, match="does not answer"):
        Kube(str(tmp_path / "away")).get(Kind.JOB, PLACE, "step-1")


def test_what_is_not_there_is_none(kube: Kube) -> None:
    assert kube.get(Kind.JOB, PLACE, "step-1") is None
    assert kube.merge(Kind.JOB, PLACE, "step-1", {}) is None
    kube.delete(Kind.JOB, PLACE, "step-1")


def test_nothing_can_be_made_in_a_namespace_that_is_not_there(kube: Kube) -> None:
    """Taken for a success, a step would be said to run, and to have lost its Job ten seconds later."""
    with pytest.raises(PermanentError, match="no namespace 'missing'"):
        kube.create(Kind.JOB, "missing", {"metadata": {"name": "step-1"}})
    with pytest.raises(PermanentError):
        kube.ensure(Kind.DEPLOYMENT, "missing", {"metadata": {"name": "model-1"}})


def test_every_page_is_read(kube: Kube, api: ApiServer) -> None:
    for number in range(1203):
        path = Kind.JOB.path(PLACE, f"step-{number:04}")
        api.objects[path] = {"metadata": {"name": f"step-{number:04}", "resourceVersion": "1"}}
    found = kube.list(Kind.JOB, PLACE)
    assert [item["metadata"]["name"] for item in found] == [f"step-{number:04}" for number in range(1203)]
    assert len(api.answers) == 3


def test_an_object_is_made_once_and_changed_after_that(kube: Kube, api: ApiServer) -> None:
    for image in ("a", "b"):
        kube.ensure(Kind.DEPLOYMENT, PLACE, {"metadata": {"name": "model-1"}, "spec": {"image": image}})
    assert api.objects[Kind.DEPLOYMENT.path(PLACE, "model-1")]["spec"] == {"image": "b"}
    assert api.answers == [201, 200]
