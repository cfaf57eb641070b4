"""A model server as Kubernetes objects: names that never collide, keys where they belong, and nothing more than it needs."""

import json
import re
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chart.restricted import violations
from tests.chart.schemas import faults

from jinsu.deployers.manifests import BACKEND, GRPC_PORT, PORT, deployment, name_of, selector, service
from jinsu.gateway.backend import Backend
from jinsu.packaging.contents import SealedPackage
from jinsu.placement.kubernetes import Gpu, Identity, Servers
from jinsu.serving.key import KEY_VARIABLE
from jinsu.spec.model import NAME
from jinsu.spec.quantities import parse_bytes

SERVERS = Servers(
    image="images.example.com/runtime:1",
    release="jinsu",
    owner="jinsu-catalog",
    store_secret="store-keys",
    key_secret="platform-keys",
    store={"bucket": "models", "endpoint": "http://store:9000", "ca_file": None},
    account="jinsu-server",
)
RICH = replace(
    SERVERS,
    ca_config_map="authority",
    replicas=3,
    pull_policy="Always",
    pull_secrets=("pull-key",),
    resources={"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "3Gi"}},
    node_selector={"pool": "servers"},
    tolerations=({"key": "servers", "operator": "Exists"},),
    priority_class="servers",
)
CLUSTER, RUN_KEY, OWNER = "digits-v3", "7" * 64, "0f0f-uid"
PACKAGE = SealedPackage(RUN_KEY, "c" * 64, 100 * 2**20)
MODELS = st.from_regex(NAME, fullmatch=True)
VERSIONS = st.integers(1, 10**6).map(str)
_DNS = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def server_deployment(
    servers: Servers = SERVERS, cluster: str = CLUSTER, package: SealedPackage = PACKAGE
) -> dict[str, Any]:
    return deployment(Backend.parse(cluster), package, servers, OWNER)


def pod(servers: Servers = SERVERS, cluster: str = CLUSTER, package: SealedPackage = PACKAGE) -> dict[str, Any]:
    return dict(server_deployment(servers, cluster, package)["spec"]["template"]["spec"])


def containers(spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    return fetch, server


# --- Names ---


@given(MODELS, VERSIONS, MODELS, VERSIONS)
def test_two_versions_have_two_names(model: str, version: str, other: str, number: str) -> None:
    same = name_of(f"{model}-v{version}") == name_of(f"{other}-v{number}")
    assert same == ((model, version) == (other, number))


@pytest.mark.parametrize(
    "alike",
    [
        ("a_b-v1", "a-b-v1", "a__b-v1", "a--b-v1"),
        ("a-v2-v3", "a-v2_v3-v3", "a-v2v3"),
        ("A-v1", "a-v1"),
        (f"{'x' * 40}-v1", f"{'x' * 40}-v11", f"{'x' * 39}-v1", f"{'x' * 39}_x-v1", f"{'x' * 60}-v1", f"{'x' * 61}-v1"),
        ("-v1", "_-v1", "é-v1", "ü-v1", "모델-v1"),
    ],
)
def test_names_that_look_alike_are_told_apart(alike: tuple[str, ...]) -> None:
    assert len({name_of(cluster) for cluster in alike}) == len(alike)


@given(st.one_of(MODELS, st.text(max_size=300)), VERSIONS)
def test_every_model_has_a_name_that_kubernetes_takes(model: str, version: str) -> None:
    name = name_of(f"{model}-v{version}")
    assert _DNS.fullmatch(name), name
    assert len(name) <= 57  # its pods' names have room


def test_a_plain_name_is_readable() -> None:
    assert name_of("digits-v3") == "model-digits-v3"


def test_a_name_can_be_taken_for_no_other_names_digest() -> None:
    digest = name_of("a_b-v1").removeprefix("model-")
    assert name_of(digest) == f"model-{digest}"  # it would collide, but
    assert not re.search(r"-v\d+$", digest)  # no model and version are ever called so


# --- The objects ---


@pytest.mark.parametrize("version", ["1.36.0", "1.37.0"])
@pytest.mark.parametrize("servers", [SERVERS, RICH], ids=["plain", "rich"])
def test_kubernetes_takes_both_objects(version: str, servers: Servers) -> None:
    assert faults(server_deployment(servers), version) == []
    assert faults(service(Backend.parse(CLUSTER), servers, OWNER), version) == []


@pytest.mark.parametrize("servers", [SERVERS, RICH], ids=["plain", "rich"])
def test_a_model_server_is_restricted(servers: Servers) -> None:
    assert violations(pod(servers)) == []
    assert all(one["securityContext"]["readOnlyRootFilesystem"] for one in containers(pod(servers)))
    assert pod(servers)["automountServiceAccountToken"] is False


@given(MODELS, VERSIONS)
def test_a_service_finds_its_pods_and_no_others(model: str, version: str) -> None:
    cluster = f"{model}-v{version}"
    document, front = server_deployment(cluster=cluster), service(Backend.parse(cluster), SERVERS, OWNER)
    labels = document["spec"]["template"]["metadata"]["labels"]
    for chosen in (document["spec"]["selector"]["matchLabels"], front["spec"]["selector"]):
        assert chosen.items() <= labels.items()
        assert chosen.items().isdisjoint(
            server_deployment(cluster=f"{model}-v0")["spec"]["template"]["metadata"]["labels"].items()
        )
    assert all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", value) for value in labels.values())


def test_the_selector_chooses_the_deployments_of_this_installation() -> None:
    wanted = dict(pair.split("=") for pair in selector(SERVERS).split(","))
    assert wanted.items() <= server_deployment()["metadata"]["labels"].items()
    assert not wanted.items() <= server_deployment(replace(SERVERS, release="other"))["metadata"]["labels"].items()


def test_the_backends_own_name_is_kept() -> None:
    for document in (server_deployment(cluster="a_b-v12"), service(Backend.parse("a_b-v12"), SERVERS, OWNER)):
        assert document["metadata"]["annotations"][BACKEND] == "a_b-v12"


def test_everything_goes_with_the_chart() -> None:
    for document in (server_deployment(), service(Backend.parse(CLUSTER), SERVERS, OWNER)):
        assert document["metadata"]["ownerReferences"] == [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "jinsu-catalog", "uid": OWNER}
        ]


# --- Keys ---


def test_the_stores_keys_reach_the_container_that_fetches_alone() -> None:
    fetch, server = containers(pod())
    assert fetch["envFrom"] == [{"secretRef": {"name": "store-keys"}}]
    assert "envFrom" not in server
    assert "store-keys" not in json.dumps(server)


def test_the_servers_key_reaches_the_server_alone() -> None:
    fetch, server = containers(pod())
    given_key = {entry["name"]: entry.get("valueFrom") for entry in server["env"]}
    assert given_key[KEY_VARIABLE] == {"secretKeyRef": {"name": "platform-keys", "key": "JINSU_SERVER_KEY"}}
    assert "platform-keys" not in json.dumps(fetch)


def test_with_an_identity_there_is_no_secret() -> None:
    fetch, _ = containers(pod(replace(SERVERS, store_secret="")))
    assert fetch["envFrom"] == []


def test_the_store_is_told_of_without_keys() -> None:
    fetch, _ = containers(pod())
    (variable,) = fetch["env"]
    assert (variable["name"], json.loads(variable["value"])) == ("JINSU_STORE", dict(SERVERS.store))


def test_the_package_is_read_only_for_the_server() -> None:
    fetch, server = containers(pod())
    mounted = [next(mount for mount in one["volumeMounts"] if mount["name"] == "package") for one in (fetch, server)]
    assert ["readOnly" in mount for mount in mounted] == [False, True]
    assert {mount["mountPath"] for mount in mounted} == {"/package"}


# --- How it runs ---


@given(MODELS, VERSIONS)
def test_a_server_is_told_its_model_and_version(model: str, version: str) -> None:
    fetch, server = containers(pod(cluster=f"{model}-v{version}"))
    words = server["command"] + server["args"]
    assert words[words.index("--name") + 1] == model
    assert words[words.index("--version") + 1] == version
    assert fetch["command"][-3:] == [RUN_KEY, "/package", "c" * 64]
    assert words[words.index("--contents") + 1] == "c" * 64


def test_all_agree_on_the_ports() -> None:
    _, server = containers(pod())
    open_ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    fronts = {port["name"]: port for port in service(Backend.parse(CLUSTER), SERVERS, OWNER)["spec"]["ports"]}
    assert server["args"][server["args"].index("--port") + 1] == str(PORT)
    assert server["args"][server["args"].index("--grpc") + 1] == f"0.0.0.0:{GRPC_PORT}"
    assert open_ports == {"http": PORT, "grpc": GRPC_PORT}
    assert {name: (port["port"], port["targetPort"]) for name, port in fronts.items()} == {
        "http": (PORT, "http"),
        "grpc": (GRPC_PORT, "grpc"),
    }
    assert fronts["grpc"]["appProtocol"] == "kubernetes.io/h2c"
    for probe in ("readinessProbe", "startupProbe", "livenessProbe"):
        assert server[probe]["httpGet"] == {"path": "/health", "port": "http"}


def test_a_new_pod_answers_before_an_old_one_goes() -> None:
    assert server_deployment()["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    _, server = containers(pod())
    assert "preStop" in server["lifecycle"]


def test_every_mount_has_its_volume() -> None:
    for servers in (SERVERS, RICH):
        spec = pod(servers)
        known = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for one in containers(spec) for mount in one["volumeMounts"]} == known


def test_values_reach_the_pod() -> None:
    spec = pod(RICH)
    assert server_deployment(RICH)["spec"]["replicas"] == 3
    assert spec["nodeSelector"] == {"pool": "servers"}
    assert spec["tolerations"] == [{"key": "servers", "operator": "Exists"}]
    assert spec["priorityClassName"] == "servers"
    assert spec["imagePullSecrets"] == [{"name": "pull-key"}]
    assert {one["resources"]["limits"]["memory"] for one in containers(spec)} == {"3Gi"}
    assert {one["imagePullPolicy"] for one in containers(spec)} == {"Always"}
    assert {"name": "ca", "configMap": {"name": "authority"}} in spec["volumes"]


def test_the_token_of_the_stores_role_is_for_fetching_alone() -> None:
    """The server holds what a researcher made."""
    role = Identity("arn:aws:iam::1:role/jinsu")
    spec = pod(replace(SERVERS, store_secret="", store_identity=role))
    fetch, server = containers(spec)
    assert dict(Identity.MOUNT) in fetch["volumeMounts"]
    assert {"name": "AWS_ROLE_ARN", "value": role.role} in fetch["env"]
    assert fetch["envFrom"] == []
    assert role.volume() in spec["volumes"]
    assert "store-identity" not in json.dumps(server)
    assert "AWS" not in json.dumps(server)


def memory(spec: dict[str, Any]) -> tuple[int, int, int]:
    """Bytes: the request and the limit of the server's container, and what its inference process may allocate."""
    _, server = containers(spec)
    words, resources = server["command"], server["resources"]
    limit = parse_bytes(resources["limits"]["memory"])
    request = parse_bytes(resources["requests"]["memory"])
    return request, limit, int(words[words.index("--memory") + 1])


@pytest.mark.parametrize("taken", [0, 100 * 2**20, 3 * 2**30])
def test_a_pod_has_the_memory_that_packaging_measured(taken: int) -> None:
    request, limit, inference = memory(pod(package=SealedPackage(RUN_KEY, "", taken)))
    assert taken + 2**27 < request <= limit
    assert inference > 2 * taken
    assert inference + 2**27 < limit  # so the process that answers requests outlives a request that takes too much


@pytest.mark.parametrize(
    ("given_", "inference"), [("3Gi", 768 * 2**20), ("512Mi", 256 * 2**20), ("200Mi", 128 * 2**20)]
)
def test_a_limit_of_the_values_bounds_the_model(given_: str, inference: int) -> None:
    servers = replace(SERVERS, resources={"requests": {"memory": "200Mi"}, "limits": {"memory": given_}})
    assert memory(pod(servers))[2] == inference


def test_values_without_resources_leave_them_to_the_measurement() -> None:
    """Helm gives null for a value that was removed with null."""
    document = {**asdict(SERVERS), "resources": None, "store_identity": None}
    request, limit, _ = memory(pod(Servers.from_document(document), package=SealedPackage(RUN_KEY, "", 2**30)))
    assert request >= 2**30
    assert limit > 3 * 2**30


def test_a_package_of_a_former_version_is_served_without_a_digest() -> None:
    fetch, server = containers(pod(package=SealedPackage(RUN_KEY)))
    assert fetch["command"][-2:] == [RUN_KEY, "/package"]
    assert "--contents" not in server["command"]


# --- A GPU, and the image of a python model ---

_GPU = Gpu("nvidia.com/mig-1g.10gb", {"accelerator": "a100"}, ({"key": "nvidia.com/gpu", "operator": "Exists"},))
WITH_GPUS = replace(RICH, gpu_image="images.example.com/gpu:1", gpu=_GPU)
ON_A_GPU = replace(PACKAGE, gpu=1)


def test_a_model_that_needs_a_gpu_gets_one_where_there_are_any() -> None:
    spec = pod(WITH_GPUS, package=ON_A_GPU)
    fetch, server = containers(spec)
    assert server["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "1"
    assert server["resources"]["limits"]["memory"] == "7168Mi"  # what the values say, and what CUDA itself takes
    assert server["image"] == "images.example.com/gpu:1"
    assert server["command"][server["command"].index("--gpu") + 1] == "1"
    assert spec["nodeSelector"] == {"pool": "servers", "accelerator": "a100"}
    assert spec["tolerations"] == [
        {"key": "servers", "operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists"},
    ]
    assert (fetch["image"], "nvidia.com/mig-1g.10gb" in json.dumps(fetch)) == (RICH.image, False)
    assert violations(spec) == []
    assert faults(server_deployment(WITH_GPUS, package=ON_A_GPU), "1.37.0") == []


def test_a_model_without_a_gpu_is_placed_as_if_there_were_none() -> None:
    assert server_deployment(WITH_GPUS) == server_deployment(RICH)


def test_a_python_model_answers_in_the_image_of_its_training() -> None:
    """In its team's own image too: the code needs the packages that it was trained with. Only the fetch of files is the platform's."""
    own = f"images.example.com/team@sha256:{'a' * 64}"
    fetch, server = containers(pod(package=replace(PACKAGE, image=own)))
    assert (fetch["image"], server["image"]) == (SERVERS.image, own)
    assert server["command"][:3] == ["python", "-m", "jinsu.serving.server"]
    scratch = {
        volume["name"]: volume["emptyDir"]["sizeLimit"]
        for volume in pod(package=replace(PACKAGE, image=own))["volumes"]
    }
    assert scratch["tmp"] == "16Gi"  # where its archives are unpacked


def test_a_python_model_with_a_gpu_keeps_its_own_image() -> None:
    own = f"images.example.com/team@sha256:{'a' * 64}"
    _, server = containers(pod(WITH_GPUS, package=replace(ON_A_GPU, image=own)))
    assert server["image"] == own
    assert server["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "1"
