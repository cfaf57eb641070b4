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
from jinsu.runs.catalog import FILE_NAME, Catalog, CodeVersion, Known, Offer, known_from
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


def code(model: str, digest: str = "a" * 64, by: str = "ann", **params: int) -> CodeVersion:
    return CodeVersion(model, "numbers", digest, by, 1.5, params)


def offered(*names: str) -> dict[str, Offer]:
    """The team `default` may choose these problems."""
    return {"default": Offer(names)}


def problems(catalog: Catalog) -> list[str]:
    return list(catalog.read().teams["default"].problems)


def test_an_empty_catalog_knows_nothing(catalog: Catalog) -> None:
    assert catalog.read() == Known()


def test_what_is_offered_is_read(catalog: Catalog) -> None:
    teams = {"ads": Offer(["clicks"], [code("ranker", epochs=3)]), "shopping": Offer(["prices", "titles"], [])}
    catalog.offer(teams)
    catalog.offer_examples([code("digits", by="examples")])
    assert catalog.read() == Known(teams, [code("digits", by="examples")])


def test_an_offer_takes_the_place_of_the_last(catalog: Catalog) -> None:
    for name in ("old", "new"):
        catalog.offer(offered(name))
    assert problems(catalog) == ["new"]


def test_an_example_is_offered_until_a_model_has_its_name() -> None:
    """Whichever team took the name: another team's run of the example would be refused."""
    example, theirs = code("digits", "e" * 64, "examples"), code("digits")
    assert list(Known({"ads": Offer(), "toys": Offer()}, [example]).codes("ads")) == [example]
    known = Known({"ads": Offer(), "toys": Offer((), [theirs])}, [example])
    assert list(known.codes("toys")) == [theirs]
    assert list(known.codes("ads")) == []
    assert list(known.codes("unknown")) == []


def test_changes_at_the_same_time_are_all_kept(catalog: Catalog) -> None:
    """The controller offers teams their code while `jinsu up` offers the examples."""
    with ThreadPoolExecutor(3) as pool:
        for number in range(6):
            jobs = [
                pool.submit(catalog.offer, offered(f"p{number}")),
                pool.submit(catalog.offer_examples, [code(f"m{number}")]),
            ]
            for job in jobs:
                job.result()
            assert problems(catalog) == [f"p{number}"]
            assert [example.model for example in catalog.read().examples] == [f"m{number}"]


def test_a_catalog_of_version_0_1_counts_as_an_empty_one() -> None:
    assert known_from({"models": {"digits": "aa"}, "datasets": ["digits"]}) == Known()
    with pytest.raises(ValueError, match="teams"):
        known_from({"teams": 3})


# --- In a file ---


def test_processes_that_change_a_file_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    script = (
        "import sys; from pathlib import Path; from jinsu.runs.local_catalog import LocalCatalog\n"
        "from jinsu.runs.catalog import CodeVersion, Offer\n"
        "catalog = LocalCatalog(Path(sys.argv[1]))\n"
        "for n in range(30):\n"
        "    if sys.argv[2] == 'teams': catalog.offer({'ads': Offer([str(n)])})\n"
        "    else: catalog.offer_examples([CodeVersion(str(n), '', '', '', 0.0)])\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in ("teams", "examples")]
    while any(process.poll() is None for process in started):
        if path.exists():
            assert set(json.loads(path.read_text())) == {"teams", "examples"}  # whole at every moment
    assert [process.returncode for process in started] == [0, 0]
    known = LocalCatalog(path).read()
    assert (list(known.teams["ads"].problems), known.examples[0].model) == (["29"], "29")


def test_a_file_is_there_from_the_start(tmp_path: Path) -> None:
    catalog = LocalCatalog(tmp_path / "catalog.json")
    catalog.create()
    assert json.loads((tmp_path / "catalog.json").read_text()) == {"teams": {}, "examples": []}
    catalog.offer(offered("numbers"))
    catalog.create()
    assert problems(catalog) == ["numbers"]


# --- In a ConfigMap ---


def test_a_change_in_between_is_kept_and_the_own_one_is_made_again(remote: KubernetesCatalog, api: ApiServer) -> None:
    other, turns = KubernetesCatalog(remote._kube, PLACE, NAME), iter("abc")

    def interfere() -> None:
        api.before_patch = lambda: None
        if (name := next(turns, "")) != "":
            other.offer_examples([code(name)])
            api.before_patch = interfere

    api.before_patch = interfere
    remote.offer(offered("mine"))
    assert problems(remote) == ["mine"]
    assert [example.model for example in remote.read().examples] == ["c"]
    assert api.answers.count(409) == 3


def test_what_is_known_already_costs_no_change(remote: KubernetesCatalog, api: ApiServer) -> None:
    """The controller offers everything anew every few seconds; a document that was read holds lists, its offer tuples."""
    teams, examples = {"ads": Offer(("clicks",), (code("ranker", epochs=3),))}, (code("digits"),)
    remote.offer(teams)
    remote.offer_examples(examples)
    version = api.version
    remote.offer(teams)
    remote.offer_examples(examples)
    assert api.version == version


def test_what_else_is_in_the_object_stays(remote: KubernetesCatalog, api: ApiServer) -> None:
    remote.offer(offered("numbers"))
    assert api.objects[Kind.CONFIG_MAP.path(PLACE, NAME)]["data"]["other"] == "x"


@pytest.mark.parametrize("data", [None, {}, {FILE_NAME: ""}, {FILE_NAME: "{}"}, {FILE_NAME: '{"models": {}}'}])
def test_an_object_without_a_document_is_an_empty_catalog(data: Any, remote: KubernetesCatalog, api: ApiServer) -> None:
    found = api.objects[Kind.CONFIG_MAP.path(PLACE, NAME)]
    found.pop("data")
    if data is not None:
        found["data"] = data
    assert remote.read() == Known()
    remote.offer(offered("numbers"))
    assert problems(remote) == ["numbers"]


def test_a_missing_object_is_waited_for(remote: KubernetesCatalog, api: ApiServer) -> None:
    api.objects.clear()
    with pytest.raises(TransientError, match=f"{NAME} is missing"):
        remote.offer(offered("numbers"))


def test_endless_conflicts_end_with_a_sentence(remote: KubernetesCatalog, api: ApiServer) -> None:
    api.hurt = lambda verb, path: 409 if verb == "PATCH" else 0
    with pytest.raises(TransientError, match="changes too often"):
        remote.offer(offered("numbers"))


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
