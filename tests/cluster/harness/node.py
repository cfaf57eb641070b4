"""One node with everything on it: etcd, the control plane, containerd, kubelet and kube-proxy as plain processes.

All state is below one folder; `down` leaves no process, mount, interface or firewall rule behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.cluster.harness.debian import HOME, KUBECONFIG, run
from tests.support.waiting import eventually

NODE = "jinsu-test"
BRIDGE = "jinsu-cni0"
PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/16"
DNS, API_SERVICE = "10.96.0.10", "10.96.0.1"
CONTAINERD = HOME / "containerd.sock"
PAUSE = "localhost/pause:3"
_API_PORT, _ETCD_PORT, _DNS_PORT = 16443, 12379, 15353
_REJECTING = "KUBE-NOBODY"

Say = Callable[[str], None]


def address() -> str:
    """This machine's own address: pods reach the API server there."""
    routes = json.loads(run("ip", "-j", "route", "get", "192.0.2.254"))
    return str(routes[0]["prefsrc"])


def up(programs: Path, gpus: int, say: Say) -> None:
    """Starts the cluster with so many pretended GPUs. Its kubeconfig is a file that no other cluster shares."""
    if alive():
        return
    down()
    HOME.mkdir(parents=True, mode=0o700)
    _network()
    _secrets()
    say("starting etcd and the control plane")
    _start(
        "etcd",
        "/usr/bin/etcd",
        f"--data-dir={HOME}/etcd",
        f"--listen-client-urls=http://127.0.0.1:{_ETCD_PORT}",
        f"--advertise-client-urls=http://127.0.0.1:{_ETCD_PORT}",
        "--listen-peer-urls=http://127.0.0.1:12380",
        "--unsafe-no-fsync",
    )
    _start("kube-apiserver", str(programs / "kube-apiserver"), *_api_server())
    _wait_for("the API server", _serves)
    for name, flags in _controllers().items():
        _start(name, str(programs / name), *flags)
    say("starting containerd and kubelet")
    _containerd()
    _wait_for("containerd", CONTAINERD.exists)
    _pause_image()
    _kubelet(programs)
    _start(
        "kube-proxy",
        str(programs / "kube-proxy"),
        f"--kubeconfig={KUBECONFIG}",
        "--proxy-mode=iptables",
        "--masquerade-all",
        f"--hostname-override={NODE}",
        f"--cluster-cidr={PODS}",
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
        "--metrics-bind-address=127.0.0.1:20249",
        "--healthz-bind-address=127.0.0.1:20256",
    )
    say("waiting for the node")
    _wait_for("the node", _ready, 90)
    _simulate_gpus(gpus)
    _dns()


def alive() -> bool:
    pids = [_pid(path) for path in HOME.glob("*.pid")] if HOME.exists() else []
    return len(pids) >= 8 and all(pid is not None for pid in pids)


def down() -> None:
    """Stops everything and removes what it made. Safe to repeat, also after a crash."""
    order = ("kubelet", "kube-proxy", "dns", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")
    for name in order:
        _stop(name)
    if CONTAINERD.exists() and _pid(HOME / "containerd.pid"):
        _end_containers()
    _stop("containerd")
    _kill_shims()
    _unmount()
    for table in ("nat", "filter", "mangle"):
        _forget_rules(table)
    _quiet("ip", "link", "delete", BRIDGE)
    shutil.rmtree(HOME, ignore_errors=True)


def api(method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
    """One call to the API server; raises httpx.HTTPError."""
    document = yaml.safe_load(KUBECONFIG.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    answer = httpx.request(
        method,
        cluster["server"] + path,
        content=None if body is None else json.dumps(body),
        headers={"authorization": f"Bearer {user['token']}", "content-type": kind},
        verify=ssl.create_default_context(cafile=cluster["certificate-authority"]),
        timeout=10,
    )
    answer.raise_for_status()
    return answer.json()


def _serves() -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return bool(api("GET", "/api/v1/namespaces/kube-system"))
    return False


# --- The parts ---


def _secrets() -> None:
    run("openssl", "genrsa", "-out", str(HOME / "sa.key"), "2048")
    token = secrets.token_urlsafe(32)
    tokens = HOME / "tokens.csv"
    tokens.write_text(f'{token},admin,admin,"system:masters"\n')
    tokens.chmod(0o600)
    _certificates()
    KUBECONFIG.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": NODE,
                        "cluster": {
                            "server": f"https://{address()}:{_API_PORT}",
                            "certificate-authority": str(HOME / "ca.crt"),
                        },
                    }
                ],
                "users": [{"name": "admin", "user": {"token": token}}],
                "contexts": [{"name": NODE, "context": {"cluster": NODE, "user": "admin"}}],
                "current-context": NODE,
            }
        )
    )
    KUBECONFIG.chmod(0o600)


def _certificates() -> None:
    """A small authority, the API server's certificate, and the one that it shows to the kubelet."""
    ca = ("-CA", str(HOME / "ca.crt"), "-CAkey", str(HOME / "ca.key"), "-CAcreateserial", "-days", "30")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=jinsu-test-ca",
        "-keyout", str(HOME / "ca.key"), "-out", str(HOME / "ca.crt"))  # fmt: skip
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    places = [*(f"DNS:{name}" for name in names), f"IP:{API_SERVICE}", f"IP:{address()}", "IP:127.0.0.1"]
    for name, subject in (("apiserver", "/CN=kube-apiserver"), ("client", "/O=system:masters/CN=apiserver-client")):
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject,
            "-keyout", str(HOME / f"{name}.key"), "-out", str(HOME / f"{name}.csr"))  # fmt: skip
        extensions = HOME / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={','.join(places)}\n" if name == "apiserver" else "extendedKeyUsage=clientAuth\n"
        )
        run("openssl", "x509", "-req", "-in", str(HOME / f"{name}.csr"), *ca, "-extfile", str(extensions),
            "-out", str(HOME / f"{name}.crt"))  # fmt: skip


def _api_server() -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{_ETCD_PORT}",
        f"--advertise-address={address()}",
        "--bind-address=0.0.0.0",
        f"--secure-port={_API_PORT}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--tls-cert-file={HOME}/apiserver.crt",
        f"--tls-private-key-file={HOME}/apiserver.key",
        f"--kubelet-client-certificate={HOME}/client.crt",
        f"--kubelet-client-key={HOME}/client.key",
        f"--client-ca-file={HOME}/ca.crt",
        f"--token-auth-file={HOME}/tokens.csv",
        f"--service-account-key-file={HOME}/sa.key",
        f"--service-account-signing-key-file={HOME}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        "--enable-admission-plugins=NodeRestriction",
        # Removes ended Jobs by itself; every version since 1.23 does.
        "--feature-gates=TTLAfterFinished=true",
        "--runtime-config=api/all=true",
    ]


def _controllers() -> dict[str, list[str]]:
    return {
        "kube-controller-manager": [
            f"--kubeconfig={KUBECONFIG}",
            f"--service-account-private-key-file={HOME}/sa.key",
            f"--root-ca-file={HOME}/ca.crt",
            f"--cluster-signing-cert-file={HOME}/ca.crt",
            f"--cluster-signing-key-file={HOME}/ca.key",
            "--use-service-account-credentials=true",
            "--feature-gates=TTLAfterFinished=true",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--port=0",
            "--node-monitor-grace-period=120s",
        ],
        "kube-scheduler": [
            f"--kubeconfig={KUBECONFIG}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--port=0",
        ],
    }


def _containerd() -> None:
    """Its own socket, root and state; `restrict_oom_score_adj` because a machine may lack CAP_SYS_RESOURCE."""
    (HOME / "cni").mkdir()
    (HOME / "cni" / "10-bridge.conflist").write_text(
        json.dumps(
            {
                "cniVersion": "0.4.0",
                "name": "jinsu",
                "plugins": [
                    {
                        "type": "bridge",
                        "bridge": BRIDGE,
                        "isGateway": True,
                        "ipMasq": True,
                        "hairpinMode": True,
                        "ipam": {
                            "type": "host-local",
                            "dataDir": str(HOME / "ipam"),
                            "ranges": [[{"subnet": PODS.replace("/16", "/24")}]],
                            "routes": [{"dst": "0.0.0.0/0"}],
                        },
                    },
                    {"type": "portmap", "capabilities": {"portMappings": True}},
                ],
            }
        )
    )
    configuration = HOME / "containerd.toml"
    configuration.write_text(
        f"""version = 2
root = "{HOME}/containerd"
state = "{HOME}/containerd-state"
[grpc]
  address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{HOME}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    discard_unpacked_layers = true
"""
    )
    _start("containerd", "/usr/bin/containerd", "--config", str(configuration))


def ctr(*arguments: str) -> str:
    return run("ctr", "-a", str(CONTAINERD), "-n", "k8s.io", *arguments)


def import_image(archive: Path) -> None:
    """Loads an OCI archive into the node."""
    ctr("images", "import", str(archive))


def _pause_image() -> None:
    """Sleeps forever, as the image of that name does, from Debian's static busybox."""
    archive = HOME / "pause.tar"
    container = run("buildah", "from", "scratch").strip()
    try:
        run("buildah", "copy", container, "/bin/busybox", "/bin/busybox")
        run(
            "buildah", "config", "--entrypoint", '["/bin/busybox", "sleep", "2147483647"]', "--user", "65535", container
        )
        run("buildah", "commit", container, f"oci-archive:{archive}:{PAUSE}")
    finally:
        _quiet("buildah", "rm", container)
    import_image(archive)


def _kubelet(programs: Path) -> None:
    (HOME / "resolv.conf").write_text("options ndots:5\n")
    configuration = HOME / "kubelet.yaml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "authentication": {
                    "anonymous": {"enabled": False},
                    "webhook": {"enabled": True},
                    "x509": {"clientCAFile": str(HOME / "ca.crt")},
                },
                "authorization": {"mode": "Webhook"},
                "cgroupDriver": "cgroupfs",
                "evictionHard": {},
                "failSwapOn": False,
                "clusterDNS": [DNS],
                "clusterDomain": "cluster.local",
                "resolvConf": str(HOME / "resolv.conf"),
                "imageGCHighThresholdPercent": 100,
                "nodeStatusUpdateFrequency": "5s",
                "syncFrequency": "10s",
                "serializeImagePulls": False,
                "readOnlyPort": 0,
                "healthzBindAddress": "127.0.0.1",
                "registryPullQPS": 0,
                "eventRecordQPS": 0,
            }
        )
    )
    _start(
        "kubelet",
        str(programs / "kubelet"),
        f"--config={configuration}",
        f"--kubeconfig={KUBECONFIG}",
        f"--root-dir={HOME}/kubelet",
        f"--cert-dir={HOME}/kubelet-pki",
        f"--hostname-override={NODE}",
        f"--node-ip={address()}",
        "--container-runtime=remote",
        f"--container-runtime-endpoint=unix://{CONTAINERD}",
        f"--volume-plugin-dir={HOME}/volume-plugins",
    )


def _ready() -> bool:
    try:
        node = api("GET", f"/api/v1/nodes/{NODE}")
    except httpx.HTTPError:  # not there yet
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))


def _simulate_gpus(count: int) -> None:
    """The scheduler accounts for these as for real ones; no device stands behind them."""
    body = [
        {"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": str(count)},
        {"op": "add", "path": "/status/allocatable/nvidia.com~1gpu", "value": str(count)},
    ]
    api("PATCH", f"/api/v1/nodes/{NODE}/status", body, "application/json-patch+json")


def _dns() -> None:
    labels = {"kubernetes.io/name": "test-dns"}
    port = {"name": "dns", "port": 53, "protocol": "UDP"}
    api("POST", "/api/v1/namespaces/kube-system/services", {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns", "labels": labels},
        "spec": {"clusterIP": DNS, "ports": [{**port, "targetPort": _DNS_PORT}]},
    })  # fmt: skip
    api("POST", "/api/v1/namespaces/kube-system/endpoints", {
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "kube-dns"},
        "subsets": [{"addresses": [{"ip": address()}], "ports": [{**port, "port": _DNS_PORT}]}],
    })  # fmt: skip
    root = Path(__file__).parents[3]
    _start(
        "dns", sys.executable, "-m", "tests.cluster.harness.dns", str(KUBECONFIG), address(), str(_DNS_PORT), cwd=root
    )


# --- Processes ---


def _start(name: str, *command: str, cwd: Path = Path("/")) -> None:
    log = (HOME / f"{name}.log").open("ab")
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env={"PATH": f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ['PATH']}", "GOMEMLIMIT": "300MiB", "GOGC": "50"},
    )
    (HOME / f"{name}.pid").write_text(str(process.pid))


def _pid(path: Path) -> int | None:
    try:
        pid = int(path.read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else pid


def _stop(name: str) -> None:
    path = HOME / f"{name}.pid"
    pid = _pid(path)
    if pid is not None:
        for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if eventually(lambda: _pid(path) is None, patience):
                break
    path.unlink(missing_ok=True)


def _wait_for(what: str, look: Callable[[], bool], within: float = 60.0) -> None:
    if not eventually(look, within, every=0.1):
        raise RuntimeError(f"{what} did not come up within {within:g} s; see {HOME}/*.log")


def _end_containers() -> None:
    for line in ctr("tasks", "ls", "-q").split():
        _quiet("ctr", "-a", str(CONTAINERD), "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", line)


def _kill_shims() -> None:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"containerd-shim" in words[0] and str(CONTAINERD).encode() in words:
                os.kill(int(path.parent.name), signal.SIGKILL)


def _unmount() -> None:
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((m for m in mounted if m.startswith(str(HOME))), reverse=True):
        _quiet("umount", "-l", place)
    for place in (m for m in mounted if m.startswith("/run/netns/cni-")):
        _quiet("umount", "-l", place)
        Path(place).unlink(missing_ok=True)


def _network() -> None:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for chain in ("FORWARD", "OUTPUT"):
        # A Service that kube-proxy does not know yet goes nowhere; otherwise the machine's own network might answer for it.
        run("iptables", "-A", chain, "-d", SERVICES, "-m", "comment", "--comment", _REJECTING, "-j", "REJECT")


def _forget_rules(table: str) -> None:
    """Removes the chains of kube-proxy, kubelet and the CNI plugins, and the rules that lead to them."""
    saved = _quiet("iptables-save", "-t", table)
    ours = ("KUBE-", "CNI-")
    for line in saved.splitlines():
        words = line.split()
        if line.startswith("-A") and not words[1].startswith(ours) and any(w.startswith(ours) for w in words):
            _quiet("iptables", "-t", table, "-D", *shlex.split(line)[1:])
    chains = [line.split()[0][1:] for line in saved.splitlines() if line.startswith(":")]
    for verb in ("-F", "-X"):
        for chain in chains:
            if chain.startswith(ours):
                _quiet("iptables", "-t", table, verb, chain)


def _quiet(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    except FileNotFoundError:
        return ""
