"""Why a pod has no node yet, in one sentence of plain words. Pure.

Kubernetes says it in the condition `PodScheduled` of a pod: a reason that is one word, and a message that differs between
versions. Since 1.20 the message begins `0/N nodes are available: `. After it come the findings, each with the number of the
nodes that it is true of, and a full stop. From 1.24 on a text about preemption follows, in which the scheduler's plugins
speak one after the other (`no new claims to deallocate, preemption: 0/N nodes …`); it says nothing about the pod's needs.
What is not known here is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NODES = re.compile(r"0/(\d+) nodes are available(?: to run pod \S+)?:\s*")
_FINDINGS = re.compile(r"(.*?)\.(?:\s|$)", re.DOTALL)
"""The findings: everything before the first full stop that ends a sentence. A taint or a resource has stops inside words."""
_NEXT = re.compile(r",\s+(?=\d+\s)")
"""A comma between two findings. The one inside of a finding is followed by no number."""
_FINDING = re.compile(r"(\d+)\s+(.+)", re.DOTALL)
_TAINT = re.compile(r"node\(s\) had (?:untolerated )?taint \{([^:}]*).*")
_CLAIM = re.compile(r'persistentvolumeclaim "([^"]*)" not found')

_RESOURCES = {
    "cpu": "too little free cpu",
    "memory": "too little free memory",
    "ephemeral-storage": "too little free disk",
}
_TAINTS = {
    "node.kubernetes.io/not-ready": ("is not ready", "are not ready"),
    "node.kubernetes.io/unreachable": ("does not answer", "do not answer"),
    "node.kubernetes.io/unschedulable": ("is closed for new pods", "are closed for new pods"),
    "node.kubernetes.io/disk-pressure": ("is short of disk", "are short of disk"),
    "node.kubernetes.io/memory-pressure": ("is short of memory", "are short of memory"),
    "node.kubernetes.io/pid-pressure": ("is short of process numbers", "are short of process numbers"),
    "node.kubernetes.io/network-unavailable": ("has no network yet", "have no network yet"),
    "node-role.kubernetes.io/control-plane": ("serves the control plane only", "serve the control plane only"),
    "node-role.kubernetes.io/master": ("serves the control plane only", "serve the control plane only"),
}
_Phrase = tuple[str, str]
"""What one node does, and what several do."""
_CLOSED: _Phrase = ("is closed for new pods", "are closed for new pods")
_VOLUMES: _Phrase = ("cannot have its volumes", "cannot have its volumes")
_OTHER_PODS: _Phrase = ("does not fit its rules about other pods", "do not fit its rules about other pods")
_FAMILIES: tuple[tuple[re.Pattern[str], _Phrase], ...] = (
    (re.compile(r"Too many pods"), ("holds as many pods as it may", "hold as many pods as they may")),
    (re.compile(r"node\(s\) were unschedulable"), _CLOSED),
    (
        re.compile(r"node\(s\) had (untolerated taint\(s\)|taints that the pod didn't tolerate)"),
        ("has a taint that it does not tolerate", "have a taint that it does not tolerate"),
    ),
    (
        re.compile(
            r"node\(s\) didn't (match (Pod's |scheduler-enforced )?node (affinity|selector)|satisfy plugin\(s\) \[NodeAff)"
        ),
        ("lacks the labels that it asks for", "lack the labels that it asks for"),
    ),
    (re.compile(r"node\(s\) didn't (match pod|satisfy existing pods) .*(affinity|topology)"), _OTHER_PODS),
    (re.compile(r"node\(s\) didn't have free ports"), ("has no free port for it", "have no free port for it")),
    (re.compile(r".*(volume|PersistentVolume|pvc\(s\)|no available disk|enough free storage)", re.DOTALL), _VOLUMES),
    (
        re.compile(r"cannot allocate all claims|.*resourceclaim", re.IGNORECASE),
        ("cannot give the devices that it claims", "cannot give the devices that it claims"),
    ),
)


def why_without_node(condition: Mapping[str, Any]) -> str:
    """One sentence without a full stop about the condition `PodScheduled`, when its status is False; empty for no message."""
    message = " ".join(str(condition.get("message") or "").split())
    if condition.get("reason") == "SchedulingGated":
        return "another part of the cluster holds it back (schedulingGates)"
    if not message:
        return ""
    if message.startswith("no nodes available"):
        return "the cluster has no node"
    nodes = _NODES.match(message)
    if nodes is None:
        return _about_the_pod(message)
    rest = message[nodes.end() :]
    end = _FINDINGS.match(rest)
    findings = (end[1] if end else rest).strip()
    return _about_nodes(int(nodes[1]), _NEXT.split(findings)) if findings else f"none of {nodes[1]} nodes takes it"


def _about_nodes(nodes: int, findings: list[str]) -> str:
    """Each kind of finding once, with the nodes that it is true of. One node may be counted in several."""
    counts: dict[_Phrase, int] = {}
    for finding in findings:
        match = _FINDING.fullmatch(finding)
        if match is None:
            return _about_the_pod(", ".join(findings))
        phrase = _phrase(match[2])
        counts[phrase] = counts.get(phrase, 0) + int(match[1])
    if nodes == 1:
        return f"the only node {_joined([one for one, _ in counts])}"
    parts = [f"{number} {one if number == 1 else several}" for (one, several), number in counts.items()]
    return f"of {nodes} nodes, {_joined(parts)}"


def _phrase(reason: str) -> _Phrase:
    if reason.startswith("Insufficient "):
        name = reason.removeprefix("Insufficient ")
        lack = _RESOURCES.get(name) or ("no free GPU" if "gpu" in name.lower() else f"too little free {name}")
        return f"has {lack}", f"have {lack}"
    if taint := _TAINT.fullmatch(reason):
        text = f"the taint {taint[1].strip()}, which it does not tolerate"
        return _TAINTS.get(taint[1].strip(), (f"has {text}", f"have {text}"))
    for pattern, phrase in _FAMILIES:
        if pattern.match(reason):
            return phrase
    return f"refuses it (“{reason}”)", f"refuse it (“{reason}”)"


def _about_the_pod(text: str) -> str:
    """A finding that is not about nodes."""
    text = text.rstrip(". ")
    if missing := _CLAIM.search(text):
        return f"its volume claim {missing[1]} is not there"
    if "unbound immediate PersistentVolumeClaims" in text:
        return "its volumes are not there yet"
    return f"the scheduler says: “{text}”"


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
