"""A stand-in for an API server that only answers questions: what Helm's `lookup` finds while it renders the chart.

Kubernetes of the test cluster is 1.20, which has no EndpointSlices of version 1, and it is too heavy to ask it for each case.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from tests.chart.helm import CHART, HelmError, helm, parse

Document = dict[str, Any]

# Kinds by group; those of the whole cluster are in CLUSTER.
_KINDS = {
    "": {"services": "Service", "endpoints": "Endpoints", "secrets": "Secret", "configmaps": "ConfigMap", "pods": "Pod",
         "namespaces": "Namespace", "serviceaccounts": "ServiceAccount", "resourcequotas": "ResourceQuota",
         "limitranges": "LimitRange", "persistentvolumeclaims": "PersistentVolumeClaim"},
    "apps": {"deployments": "Deployment", "statefulsets": "StatefulSet"},
    "batch": {"jobs": "Job"},
    "discovery.k8s.io": {"endpointslices": "EndpointSlice"},
    "networking.k8s.io": {"networkpolicies": "NetworkPolicy"},
    "rbac.authorization.k8s.io": {"roles": "Role", "rolebindings": "RoleBinding"},
    "scheduling.k8s.io": {"priorityclasses": "PriorityClass"},
    "storage.k8s.io": {"storageclasses": "StorageClass"},
}  # fmt: skip
_CLUSTER = ("Namespace", "PriorityClass", "StorageClass")


def rendered(objects: Sequence[Document], values: Document, without: Sequence[str] = ()) -> list[Document]:
    """What Helm would install in a cluster that has these objects, hooks left out. without: groups that it does not know.

    Raises HelmError with Helm's words.
    """
    with TemporaryDirectory() as folder, _serving(_answers(objects, without)) as url:
        config, chosen = Path(folder) / "config", Path(folder) / "values.yaml"
        config.write_text(yaml.safe_dump(_kubeconfig(url)))
        chosen.write_text(yaml.safe_dump(values))
        done = subprocess.run(
            [str(helm()), "install", "jinsu", str(CHART), "--namespace", "jinsu", "--dry-run=server",
             "--disable-openapi-validation", "--take-ownership", "--values", str(chosen)],
            env={"PATH": os.environ["PATH"], "HOME": folder, "KUBECONFIG": str(config)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    if done.returncode:
        raise HelmError(done.stderr.strip())
    return parse(done.stdout.partition("\nMANIFEST:\n")[2].partition("\nNOTES:\n")[0])


def _answers(objects: Sequence[Document], without: Sequence[str]) -> dict[str, Document]:
    kinds = {group: found for group, found in _KINDS.items() if group not in without}
    groups = [_group(group) for group in kinds if group]
    answers: dict[str, Document] = {
        "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    for group, found in kinds.items():
        base, version = ("/api/v1", "v1") if not group else (f"/apis/{group}/v1", f"{group}/v1")
        resources = [
            {
                "name": name,
                "singularName": "",
                "kind": kind,
                "namespaced": kind not in _CLUSTER,
                "verbs": ["get", "list"],
            }
            for name, kind in found.items()
        ]
        answers[base] = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
        for name, kind in found.items():
            listed = [one for one in objects if one["kind"] == kind]
            for place in ("", *(f"/namespaces/{space}" for space in ("default", "jinsu"))):
                inside = [one for one in listed if place.endswith(one["metadata"].get("namespace", "")) or not place]
                items = {"kind": f"{kind}List", "apiVersion": version, "items": inside}
                answers[f"{base}{place}/{name}"] = items
                answers |= {f"{base}{place}/{name}/{one['metadata']['name']}": one for one in inside}
    return answers


def _group(name: str) -> Document:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _kubeconfig(url: str) -> Document:
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "one", "clusters": [{"name": "one", "cluster": {"server": url}}],
        "users": [{"name": "one", "user": {}}], "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
    }  # fmt: skip


@contextlib.contextmanager
def _serving(answers: Mapping[str, Document]) -> Iterator[str]:
    missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0].rstrip("/"))
            body = json.dumps(missing if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
