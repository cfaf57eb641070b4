"""What nobody in a cluster needs from this chart. Pure: a role gives sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

_NEVER_VERBS = {"escalate", "bind", "impersonate", "approve", "sign"}
_NEVER_RESOURCES = {"pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy", "nodes/proxy",
                    "serviceaccounts/token", "pods/ephemeralcontainers"}  # fmt: skip
# Who writes them decides what others may do, in this namespace or in the cluster.
_POWERS = {"roles", "rolebindings", "clusterroles", "clusterrolebindings", "validatingwebhookconfigurations",
           "mutatingwebhookconfigurations", "customresourcedefinitions", "certificatesigningrequests"}  # fmt: skip
_READ = {"get", "list", "watch"}


def excesses(role: Document) -> list[str]:
    """Everything in which a Role or ClusterRole allows too much."""
    return [sentence for rule in role.get("rules") or [] for sentence in _of_rule(rule)]


def _of_rule(rule: Document) -> Iterator[str]:
    verbs, resources = set(rule["verbs"]), set(rule.get("resources") or [])
    for field in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
        if any("*" in value for value in rule.get(field) or []):
            yield f"a wildcard in {field}"
    for verb in sorted(verbs & _NEVER_VERBS):
        yield f"the verb {verb}"
    for resource in sorted(resources & _NEVER_RESOURCES):
        yield f"{resource}"
    for resource in sorted(resources & _POWERS):
        if verbs - _READ:
            yield f"it may change {resource}"
    if "secrets" in resources:
        yield from _of_secrets(verbs, rule)


def _of_secrets(verbs: set[str], rule: Document) -> Iterator[str]:
    for verb in sorted(verbs & {"list", "watch", "deletecollection"}):
        yield f"it may {verb} secrets"
    if not rule.get("resourceNames"):
        # Who makes a Secret knows what is in it already; alone, the verb reads and changes none.
        for verb in sorted(verbs - {"list", "watch", "deletecollection"} if verbs != {"create"} else set()):
            yield f"it may {verb} any secret (no resourceNames)"
