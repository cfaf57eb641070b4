"""What an installation reserves, and that the page and values-small.yaml say so."""

import re
from collections.abc import Iterator

import pytest
import yaml
from tests.chart import chart_rules, platform_objects
from tests.chart.helm import CHART, ROOT, render
from tests.chart.objects import LASTING, Document, Pod, pods

from jinsu.cluster import training_fits
from jinsu.spec.model import Resources

SMALL = yaml.safe_load((CHART / "values-small.yaml").read_text())


def reserved(pod: Pod, resource: str) -> float:
    """As the scheduler counts: the containers together, or an init container that asks for more."""
    inits = [requested(one, resource) for one in pod.spec.get("initContainers", [])]
    return max([sum(requested(one, resource) for one in pod.spec["containers"]), *inits])


def requested(container: Document, resource: str) -> float:
    return chart_rules.amount(container["resources"]["requests"].get(resource, 0))


def lasting(values: Document) -> Iterator[Pod]:
    yield from (pod for pod in pods(render(values)) if pod.owner["kind"] in LASTING)


def platform_reserves(values: Document) -> tuple[int, int]:
    """Thousandths of a core, and MiB; without a model server."""
    cpu = sum(reserved(pod, "cpu") * pod.owner["spec"].get("replicas", 1) for pod in lasting(values))
    memory = sum(reserved(pod, "memory") * pod.owner["spec"].get("replicas", 1) for pod in lasting(values))
    return round(cpu * 1000), round(memory / 2**20)


def server_reserves(values: Document) -> int:
    made = pods(platform_objects.created_objects(render(values)))
    (server,) = [pod for pod in made if pod.owner["kind"] == "Deployment"]
    return round(reserved(server, "cpu") * 1000)


@pytest.mark.parametrize(
    ("values", "name"), [({}, "values.yaml"), (SMALL, "values-small.yaml")], ids=["default", "small"]
)
def test_the_page_says_what_an_installation_reserves(values: Document, name: str) -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    row = re.search(rf"\| `{name}` \| ([\d,]+)m \| ([\d,]+)Mi \| ([\d,]+)m \|", page)
    assert row, f"the page has no row for {name}"
    found = tuple(int(number.replace(",", "")) for number in row.groups())
    assert found == (*platform_reserves(values), server_reserves(values))


def test_small_leaves_a_training_its_core_on_two() -> None:
    """And 540m for the cluster's own pods."""
    cpu = platform_reserves(SMALL)[0] + server_reserves(SMALL) + round(probe_reserves("cpu") * 1000)
    assert cpu <= 2000 - 540
    default = platform_reserves({})[0] + server_reserves({}) + round(probe_reserves("cpu") * 1000)
    assert default > 2000, "then values-small.yaml is not needed, and the page is wrong"


def probe_reserves(resource: str) -> float:
    cluster = platform_objects.parsed_settings(render()).on_kubernetes.steps
    (pod,) = pods([training_fits.probe("jinsu-training-fits", cluster)])
    return reserved(pod, resource)


@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_the_check_asks_for_what_a_training_of_the_default_size_does(resource: str) -> None:
    made = pods(platform_objects.created_objects(render()))
    step = next(
        pod
        for pod in made
        if pod.labels["app.kubernetes.io/name"] == "jinsu-step" and "train" in pod.name + str(pod.labels)
    )
    beside = sum(requested(one, resource) for one in step.spec["containers"] if one["name"] == "upload")
    own = {"cpu": Resources().cpu, "memory": Resources().memory}[resource]
    assert probe_reserves(resource) == pytest.approx(own + beside)


def test_values_for_a_small_node_change_only_what_is_reserved_and_sizes() -> None:
    def without_sizes(documents: list[Document]) -> list[str]:
        return [f"{one['kind']}/{one['metadata']['name']}" for one in documents if one["kind"] != "Job"]

    assert without_sizes(render(SMALL)) == without_sizes(render())
