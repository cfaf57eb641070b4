"""The readers of what strangers send: each takes bytes, and may refuse them in its own ways only."""

import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from jinsu.api.destinations import Destination
from jinsu.api.oidc_attempts import attempt_of
from jinsu.cli.rows import read_rows
from jinsu.data.expectations_file import read_expectations
from jinsu.data.table_files import open_table_file
from jinsu.errors import BadInputError, ForbiddenError, GateFailedError
from jinsu.identity.oidc import Provider
from jinsu.packaging.manifest import Input, Manifest, Output
from jinsu.runs.archives import inspect
from jinsu.runs.snapshots import contents, read_member
from jinsu.sdk.model_files import MANIFEST_FILE
from jinsu.serving.mlflow_protocol import MlflowProtocol
from jinsu.serving.open_inference import OpenInference
from jinsu.serving.signature import Limits, Refused, Signature
from jinsu.settings import Oidc
from jinsu.spec.document import read_yaml
from jinsu.spec.load import parse_spec, policy_from, problem_from
from jinsu.steps.metrics import parse_metrics
from jinsu.steps.result import StepResult
from jinsu.steps.runner_state import RunnerState

_FOLDER = Path(tempfile.mkdtemp(prefix="jinsu-fuzz-"))
_REQUEST_REFUSALS = (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `jinsu.serving.service` answers with 400."""


@dataclass(frozen=True)
class Target:
    """A reader. refusals: the errors that it may raise; all others are faults. seeds: good inputs, to be spoilt."""

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[BaseException], ...] = (BadInputError,)
    words: tuple[bytes, ...] = field(default=())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


MODEL = b"""\
name: titles
problem: {dataset: titles, target: label, metric: accuracy, min: 0.7, vs_champion: ">= -0.05", slices: [label]}
train: {command: python train.py, params: {lr: 0.1, deep: true}, resources: {gpu: 1, memory: 8Gi, hours: 2}}
serve: {max_latency_ms: 20}
release: {canary: {steps: [5, 25, 50], every: 60s, min_requests: 10}}
"""
PROBLEM = b"""\
name: categories
kind: classification
dataset: product_titles
target: category_path
features: [title, brand, price]
split: {by: title, holdout: 0.2}
expectations: expectations.yaml
metric: f1_macro
guardrails: {accuracy: ">= 0.9"}
min: 0.6
serve: {max_latency_ms: 50}
release: {review: {approvers: 1}, canary: {first_step: 10, min_requests: 1000}}
submissions: {per_day: 20}
"""
POLICY = b"review: {approvers: 2}\ncanary: {first_step: 10, min_requests: 100}\nserve: {max_latency_ms: 50}\n"
EXPECTATIONS = b"""\
expectations:
  - expect_column_to_exist: {column: x}
  - expect_column_values_to_be_between: {column: a, min_value: -10, max_value: 10}
"""
_YAML = (
    b"&a ", b"*a", b"<<: ", b"!!python/object:os.system", b"!!binary ", b"!!set ", b"!!timestamp 2026-13-45",
    b"!!bool ", b"!!int ", b"!!float ", b"!!omap ", b"!!pairs ", b"!!null ", b"!!str ", b"!!seq ", b".nan",
    b"-.inf", b"0x" + b"f" * 40, b"1e999", b"9" * 400, b"\"\\0\"", b"\"\\e[2J\"", b"\"\\ud800\"", b"\xe2\x80\xae", b"? ",
    b"- " * 50, b"[" * 60, b"{a: " * 60, b"|\n  ", b">-\n ", b"---\n", b"...\n", b"%YAML 9.9\n", b"\t", b"\r", b"\xef\xbb\xbf",
    b"yes", b"null", b"~", b"0o17", b"1:30:00", b"'", b"\"", b"#", b"@", b"`",
)  # fmt: skip
_JSON = (
    b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"-0", b"1.5", b"true", b"null", b"[]", b"{}", b"\"\\ud800\"", b"\"\\u0000\"",
    b"\"\\u001b[2J\"", b"[" * 80, b"{\"a\":" * 80, b"\"", b",", b":", b"\xff", b"\"x\"", b"-1", b"2147483648",
    b"18446744073709551616",
)  # fmt: skip


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as bundle:
        for name, content in (
            ("model.yaml", MODEL),
            ("lib/한글.py", b"print(1)"),
            ("x" * 150 + "/train.py", b"1" * 700),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            bundle.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _read_archive(data: bytes) -> object:
    """As packed bytes when they are, else as the archive within: a spoilt checksum would hide all else."""
    packed = data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1)
    inspect(packed, 1 << 20)
    return read_member(packed, "model.yaml"), contents(packed)  # what was let through can be read


def _read_manifest(data: bytes) -> object:
    (_FOLDER / MANIFEST_FILE).write_bytes(data)
    manifest = Manifest.read(_FOLDER)
    return [tensor.row_size for tensor in (*manifest.inputs, *manifest.outputs)]


def _read_file(suffix: str) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        path = _FOLDER / f"rows{suffix}"
        path.write_bytes(data)
        return [batch.slice(0, 3).to_pylist() for batch in open_table_file(path).batches()][:1]

    return read


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3], "b": ["가", "나", None], "c": [[1.5], [], None]}), buffer)
    return buffer.getvalue()


_MANIFESTS = tuple(
    Manifest("none", inputs, (Output("output", "float32", (-1, 4)),))
    for inputs in (
        (Input("input", "float32", (-1, 4)),),
        (Input("input", "string", (-1,), nullable=True),),
        (Input("input", "int64", (-1, "length")),),
        (Input("input", "bool", (-1, 2), columns=("a", "b")),),
        (Input("title", "string", (-1,)), Input("price", "float32", (-1,), nullable=True)),
    )
)
_SIGNATURES = tuple(Signature(manifest.inputs, Limits()) for manifest in _MANIFESTS)
_INFERENCES = tuple(OpenInference("m", "1", one, of) for one, of in zip(_SIGNATURES, _MANIFESTS, strict=True))
_INVOCATIONS = tuple(MlflowProtocol(one, of.outputs) for one, of in zip(_SIGNATURES, _MANIFESTS, strict=True))


def _each(readers: tuple[Callable[[bytes], object], ...]) -> Callable[[bytes], object]:
    """Every reader gets the input; the first refusal is raised when all have read it."""

    def read(data: bytes) -> object:
        refused: BaseException | None = None
        for reader in readers:
            try:
                reader(data)
            except _REQUEST_REFUSALS as problem:
                refused = problem
        if refused is not None:
            raise refused
        return None

    return read


_OIDC = Oidc("https://idp.test", "jinsu", name_claim="preferred_username", groups_claim="groups")


def _read_claims(data: bytes) -> object:
    """Claims come from a token that was verified: JSON that holds `sub`."""
    try:
        claims = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(claims, dict) or "sub" not in claims:
        return None
    vouched = Provider(_OIDC, "https://jinsu.test/login/oidc/callback")._vouched(claims)
    return [text.encode() for text in (vouched.subject, vouched.name, *vouched.groups)]


def _read_cookie(data: bytes) -> object:
    state, _, cookie = _text(data).partition("|")
    from jinsu.api.oidc_attempts import _name

    return attempt_of({_name(state): cookie}, state)


def _read_destination(data: bytes) -> object:
    to, _, rest = _text(data).partition("|")
    state, _, page = rest.partition("|")
    found = Destination.read({"to": to, "state": state, "next": page})
    assert found.next == "" or found.next.startswith(("/login", "/docs"))
    return found


TARGETS: tuple[Target, ...] = (
    Target("model.yaml", lambda data: parse_spec(_text(data)), (MODEL,), words=_YAML),
    Target("problem.yaml", lambda data: problem_from(read_yaml(_text(data), "problem.yaml")), (PROBLEM,), words=_YAML),
    Target("policy.yaml", lambda data: policy_from(read_yaml(_text(data), "policy.yaml")), (POLICY,), words=_YAML),
    Target("expectations.yaml", lambda data: read_expectations(_text(data), "e.yaml"), (EXPECTATIONS,), words=_YAML),
    Target("code snapshot", _read_archive, (_archive(), gzip.compress(_archive(), 1, mtime=0))),
    Target(
        "model.json",
        _read_manifest,
        (
            b'{"framework": "torch", "input": {"dtype": "float32", "shape": [-1, 4]}, "output": {"dtype": "float32", '
            b'"shape": [-1, 2]}, "labels": ["a", "b"], "other": null}',
        ),
        (GateFailedError,),
        _JSON,
    ),
    Target(
        "Open Inference Protocol",
        _each(tuple(inference.inference for inference in _INFERENCES)),
        (
            b'{"id": "1", "inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}',
            b'{"inputs": [{"name": "input", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}]}',
        ),
        _REQUEST_REFUSALS,
        _JSON,
    ),
    Target(
        "MLflow's protocol",
        _each(tuple(invocation.rows for invocation in _INVOCATIONS)),
        (
            b'{"inputs": [[1, 2, 3, 4]]}',
            b'{"instances": [{"input": "a"}]}',
            b'{"dataframe_split": {"columns": ["a", "b", "c", "d"], "data": [[1, 2, 3, 4]]}}',
        ),
        _REQUEST_REFUSALS,
        _JSON,
    ),
    Target(
        "rows of jinsu predict",
        lambda data: read_rows(_text(data)),
        (b"[[0.1, 0.2]]", b'["red cotton shirt"]'),
        words=_JSON,
    ),
    Target(
        "metrics of a script",
        parse_metrics,
        (
            b'{"name": "accuracy", "value": 0.9, "step": 0, "time": 1.0}\n{"name": "x", "value": 1, "step": 1, "time": 2}\n',
        ),
        (),
        _JSON,
    ),
    Target(
        "result.json", StepResult.from_json, (b'{"run_key": "x", "outputs": {"a": "b"}, "seconds": 1.5}',), (), _JSON
    ),
    Target(
        "state.json",
        RunnerState.from_json,
        (b'{"phase": "running", "message": "", "pid": 1, "started": 1.0}',),
        (),
        _JSON,
    ),
    Target(
        "claims of a person",
        _read_claims,
        (b'{"sub": "1", "preferred_username": "ann", "groups": ["a", "b"], "email_verified": true}',),
        (ForbiddenError,),
        _JSON,
    ),
    Target("cookie of a sign-in", _read_cookie, (b"state|eyJhdHRlbXB0Ijp7fSwidG8iOnt9fQ==",), (ForbiddenError,)),
    Target("where a sign-in leads", _read_destination, (b"airflow|state|/login/device?code=A", b"||/docs")),
    Target("a CSV file", _read_file(".csv"), (b"a,b,c\n1,x,2.5\n2,y,\n", "이름,값\n가,1\n".encode())),
    Target(
        "a JSON-lines file",
        _read_file(".jsonl"),
        (b'{"a": 1, "b": "x", "c": [1]}\n{"a": 2, "b": null, "c": []}\n',),
        words=_JSON,
    ),
    Target("a Parquet file", _read_file(".parquet"), (_parquet(),)),
)


def try_one(target: Target, data: bytes) -> str:
    """What became of an input: "accepted" or "refused". Raises every error that the target may not raise."""
    try:
        target.read(data)
    except target.refusals as problem:
        said, ours = str(problem), isinstance(problem, BadInputError | GateFailedError | ForbiddenError)
    else:
        return "accepted"
    assert "Traceback" not in said, said[:300]
    assert said or not ours, "a refusal says nothing"
    assert len(said) < 20_000, f"a refusal of {len(said)} characters"
    return "refused"
