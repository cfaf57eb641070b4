"""Writes values.schema.json from values.yaml: types from the defaults, descriptions from the comments.

    python helm/write_schema.py          writes it
    python helm/write_schema.py --check  fails when it is not up to date

So that the two cannot drift. What a default cannot tell (a choice, a range, a map with any key) is in RULES.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "jinsu"
POLICY = Path(__file__).parents[1] / "docs" / "policy.schema.json"
QUANTITY = {"type": ["string", "number"]}
SIZE = {"type": "string", "pattern": "^[1-9][0-9]*(Mi|Gi|Ti)$"}
DAYS = {"type": "number", "minimum": 0}
NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"}
URL = {"type": "string", "pattern": "^(https?://.+)?$"}
DIGEST = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
AMOUNTS = {"type": "object", "additionalProperties": QUANTITY}
ANYTHING: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
RESOURCES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "requests": {**AMOUNTS, "description": "What is reserved."},
        "limits": {**AMOUNTS, "description": "What may be used."},
    },
}
CIDRS = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f.:]+/[0-9]{1,3}$"}}
NAMES = {"type": "array", "uniqueItems": True, "items": {"type": "string", "minLength": 1}}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
COUNT = {"type": "integer", "minimum": 1}


def policy() -> dict[str, Any]:
    """The schema of policy.yaml, without references to parts of that document."""
    whole = json.loads(POLICY.read_text(encoding="utf-8"))
    parts = whole["$defs"]

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(one) for one in node]
        if not isinstance(node, dict):
            return node
        target = parts[node["$ref"].rpartition("/")[2]] if "$ref" in node else {}
        own = {key: value for key, value in node.items() if key not in ("$ref", "$defs", "$schema", "$id", "title")}
        return {key: resolved(value) for key, value in {**target, **own}.items() if key != "title"}

    return dict(resolved(whole))


# By the end of the path; the longest that fits decides. A rule replaces what the default would say.
RULES: dict[str, dict[str, Any]] = {
    "resources": RESOURCES,
    "nodeSelector": TEXTS,
    "annotations": TEXTS,
    "tolerations": ANYTHING,
    "volumes": ANYTHING,
    "mounts": ANYTHING,
    "digest": DIGEST,
    "replicas": COUNT,
    "maxReplicas": COUNT,
    "cpuPercent": {"type": "integer", "minimum": 1, "maximum": 100},
    "size": QUANTITY,
    "ephemeralStorage": QUANTITY,
    "airflow.config": {
        "type": "object",
        "propertyNames": {"pattern": "^AIRFLOW__[A-Z0-9_]+__[A-Z0-9_]+$"},
        "additionalProperties": {"type": "string"},
    },
    "airflow.url": URL,
    "public.api": URL,
    "public.airflow": URL,
    "public.mlflow": URL,
    "public.endpoint": URL,
    "external.endpoint": URL,
    "external.port": PORT,
    "cidrs": CIDRS,
    "oidc.issuer": URL,
    "oidc.scopes": NAMES,
    "oidc.admins": NAMES,
    "oidc.groups": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "required": ["team", "role"],
            "properties": {
                "team": {**NAME, "maxLength": 40, "description": "In this team."},
                "role": {"enum": ["researcher", "reviewer", "owner"], "description": "What its people may do there."},
            },
        },
    },
    "localAccounts": {"enum": ["auto", True, False]},
    "reviews.webhook": URL,
    "teamDefaults.quota": AMOUNTS,
    "teamDefaults.maxPerContainer": AMOUNTS,
    "networkPolicy.monitoring": ANYTHING,
    "networkPolicy.clients": ANYTHING,
    "networkPolicy.endpointClients": ANYTHING,
    "networkPolicy.apiServerCidrs": CIDRS,
    "ingress.controller": ANYTHING,
    "external.peers": ANYTHING,
    "reviews.port": PORT,
    "egress": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$"},
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "required": ["cidrs", "ports"],
            "properties": {
                "cidrs": {**CIDRS, "minItems": 1, "description": "Address ranges."},
                "ports": {"type": "array", "minItems": 1, "items": PORT, "description": "TCP ports there."},
            },
        },
    },
    "gateway.clients": {"type": "array", "minItems": 1, "uniqueItems": True, "items": NAME},
    "apiServerPorts": {"type": "array", "items": PORT},
    "pullPolicy": {"enum": ["IfNotPresent", "Always", "Never"]},
    "pullSecrets": {"type": "array", "items": NAME},
    "kubeflow.namespace": {**NAME, "maxLength": 63},
    "runnerRole.kind": {"enum": ["Role", "ClusterRole"]},
    "runnerRole.name": {"type": "string", "minLength": 1},
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "teamsApprovingThemselves": {"type": "array", "items": NAME},
    "training.slots": COUNT,
    "training.maxGpus": {"type": "integer", "minimum": 0},
    "training.ttlSeconds": {"type": "integer", "minimum": 60},
    "training.lostSeconds": {"type": "integer", "minimum": 60},
    "runs.atOnce": {"type": "integer", "minimum": 0},
    "runs.perTeam": COUNT,
    "runs.perPerson": COUNT,
    "steps.memory": SIZE,
    "steps.hours": {"type": "number", "exclusiveMinimum": 0},
    "retention.failedRuns": DAYS,
    "retention.unnamed": DAYS,
    "retention.datasetVersions": DAYS,
    "retention.oldVersions": DAYS,
    "retention.oldVersionsKept": COUNT,
    "objectStore.cache": SIZE,
    "priorityClasses.low": {"type": "integer", "maximum": -1},
    "priorityClasses.normal": {"type": "integer", "maximum": -1},
    "priorityClasses.high": {"type": "integer", "maximum": -1},
    "serviceMonitor.interval": {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"},
    "objectStore.bucket": {"type": "string", "pattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"},
    "training.gpus": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "required": ["resource"],
            "properties": {
                "resource": {"type": "string", "description": "The device plugin's resource.", "minLength": 1},
                "nodeSelector": {**TEXTS, "description": "Labels of the nodes that have it."},
                "tolerations": {**ANYTHING, "description": "Taints of those nodes."},
            },
        },
    },
    "teams": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": {**NAME, "description": "As in model.yaml.", "maxLength": 40},
                "namespace": {"type": "string", "maxLength": 63, "description": "Default: NAMESPACE-NAME."},
                "createNamespace": {"type": "boolean", "description": "Default: true. false: it is there already."},
                "quota": {**AMOUNTS, "description": "ResourceQuota of its namespace. Default: teamDefaults.quota."},
                "maxPerContainer": {**AMOUNTS, "description": "Default: teamDefaults.maxPerContainer."},
                "queue": {"type": "string", "description": "Kueue's LocalQueue."},
                "policy": {**policy(), "description": "What policy.yaml says, until an administrator puts another."},
            },
        },
    },
}
_KEY = re.compile(r"^(\s*)([A-Za-z]\w*):")


def comments(text: str) -> dict[str, str]:
    """The comment above each key, by the key's path."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        if line.strip().startswith("#"):
            said.append(line.strip().lstrip("# "))
        elif match := _KEY.match(line):
            depth = len(match[1])
            path = [(indent, name) for indent, name in path if indent < depth] + [(depth, match[2])]
            if said:
                found[".".join(name for _, name in path)] = " ".join(said)
            said = []
        else:
            said = []
    return found


def schema(values: Any, said: dict[str, str], path: str = "") -> dict[str, Any]:
    """The schema of one value."""
    rule = next((RULES[end] for end in _ends(path) if end in RULES), None)
    made = dict(rule) if rule is not None else _natural(values, said, path)
    text = said.get(path) or _common(path)
    return {"description": text, **made} if text else made


def _ends(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[begin:]) for begin in range(len(parts))]


def _natural(value: Any, said: dict[str, str], path: str) -> dict[str, Any]:
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case str():
            return {"type": "string"}
        case dict():
            inner = {key: schema(one, said, f"{path}.{key}".lstrip(".")) for key, one in value.items()}
            return {"type": "object", "additionalProperties": False, "properties": inner}
        case _:
            raise ValueError(f"{path}: a default such as {value!r} tells no type; add a rule")


# Keys that mean the same wherever they are.
_COMMON = {
    "resources": "Resources of its container.",
    "enabled": "Whether it is there.",
    "replicas": "How many pods.",
    "maxReplicas": "The most pods.",
    "cpuPercent": "Use of the requested CPU to aim at.",
    "repository": "Name of the image.",
    "digest": "sha256:… pins the image; then the tag says nothing.",
    "nodeSelector": "Labels of the nodes to use.",
    "tolerations": "Taints to tolerate.",
    "annotations": "Annotations.",
    "size": "Size of the volume.",
    "storageClass": "StorageClass; empty for the cluster's own default.",
    "persistence": "A volume of its own.",
    "autoscaling": "HorizontalPodAutoscaler.",
    "priorityClass": "PriorityClass; empty for none.",
}


def _common(path: str) -> str:
    name = path.rpartition(".")[2]
    return _COMMON.get(name) or (
        re.sub(r"([A-Z])", lambda m: f" {m[1].lower()}", name).capitalize() + "." if name else ""
    )


def document() -> str:
    """The whole schema as text."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    top = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart jinsu"}
    made = schema(yaml.safe_load(text), comments(text))
    made["properties"]["global"] = {"type": "object", "description": "Helm's own; not used."}
    return json.dumps({**top, **made}, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    path = CHART / "values.schema.json"
    if "--check" in sys.argv[1:]:
        if not path.exists() or path.read_text(encoding="utf-8") != document():
            sys.exit(f"{path}: is not what values.yaml says; run: python helm/write_schema.py")
        return
    path.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
