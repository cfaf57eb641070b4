"""What a failed test leaves to look at: the pods, what Kubernetes warns of, the last lines of ours, Envoy's own view."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from tests.chart.helm import kubectl

_OURS = ("api", "controller", "scheduler", "triggerer", "gateway")
_ASK = 'exec 3<>/dev/tcp/127.0.0.1/9901; printf "GET %s HTTP/1.0\\r\\n\\r\\n" "$0" >&3; while read -r l <&3; do echo "$l"; done'
_ENVOY = ("/runtime", "/stats?filter=control_plane|rtds|rds.*update|cds.*update|gateway.downstream_cx|upstream_rq_xx")


def picture(environment: Mapping[str, str], namespace: str, release: str) -> str:
    """Never raises: it is drawn while something else is being reported."""

    def look(*arguments: str, last: int = 40) -> str:
        command = [str(kubectl()), *arguments]
        try:
            done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired) as problem:
            return f"{arguments}: {problem}"
        return "\n".join(line[:240] for line in (done.stdout + done.stderr).splitlines()[-last:])

    ours = ("-n", namespace)
    envoy = (*ours, "exec", f"deployment/{release}-gateway", "-c", "envoy", "--", "/bin/bash", "-c", _ASK)
    parts = {
        "pods": look("get", "pods", "-A", "-o", "wide", last=80),
        "warnings": look("get", "events", "-A", "--field-selector", "type=Warning", "--sort-by", "lastTimestamp"),
        **{name: look(*ours, "logs", f"deployment/{release}-{name}", "--all-containers") for name in _OURS},
        **{f"Envoy {page}": look(*envoy, page) for page in _ENVOY},
    }
    return "\n".join(f"--- {name}\n{text}" for name, text in parts.items())
