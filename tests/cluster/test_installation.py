"""The whole platform on a real cluster: from `helm install` to a champion, through everything that may go wrong."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from kubernetes import client
from tests.chart.helm import CHART
from tests.cluster.installation import NAMESPACE, PIPELINES, RELEASE, TEAM, Installation, installed, values
from tests.cluster.kubeflow_pods import KubeflowPods
from tests.support.kubeflow_pipeline import Execution, Pipeline
from tests.support.points_model import write_points_folder, write_points_table
from tests.support.waiting import until

from jinsu.clients.dag_ids import dag_of
from jinsu.runs.snapshots import pack

GPU = {"resources": {"gpu": 1, "cpu": 0.4, "memory": "512Mi"}}
PIPELINE = Path(__file__).parents[2] / "components" / "pipeline.yaml"
ALL_GPUS = {"resources": {"gpu": 4, "cpu": 0.4, "memory": "512Mi"}}


@pytest.fixture(scope="module")
def chosen(image: Callable[[str], str]) -> dict[str, Any]:
    return values(image)


@pytest.fixture(scope="module")
def jinsu(
    api: client.ApiClient, kubeconfig: Path, chosen: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    place = tmp_path_factory.mktemp("researcher")
    with installed(api, kubeconfig, chosen) as it:
        it.know("rita", default="reviewer")
        it.know("jane", default="researcher")
        it.jinsu("data", "put", "points", write_points_table(place))
        it.code = it.api.post("/code", content=pack(write_points_folder(place), 2**20)[0]).json()["digest"]
        yield it


def test_the_installation_passes_its_own_test(jinsu: Installation) -> None:
    said = jinsu.helm("test", RELEASE, "--logs", within=120)

    assert said.count("\nok ") == 10, said
    assert "finds a node" in said
    assert "NOT OK" not in said


def test_nothing_that_we_run_has_more_rights_than_it_needs(jinsu: Installation) -> None:
    """Every pod that runs now, as the cluster admitted it."""
    jinsu.submit("rights", seconds=8, train=GPU)
    until(jinsu.steps, 60, "a training pod")
    for pod in [*jinsu.core.list_namespaced_pod(NAMESPACE).items, *jinsu.steps()]:
        spec = pod.spec
        assert spec.security_context.run_as_non_root, pod.metadata.name
        assert spec.security_context.seccomp_profile.type == "RuntimeDefault", pod.metadata.name
        own = [
            v for v in spec.volumes if v.secret and v.name in ("access-stage", "access-upload")
        ]  # of an attempt alone
        tokens = [v for v in spec.volumes if (v.secret and v not in own) or (v.projected and "token" in v.name)]
        talks = pod.metadata.labels["app.kubernetes.io/component"] in ("api", "controller", "scheduler", "triggerer")
        assert bool(tokens) == talks, pod.metadata.name
        for container in [*(spec.init_containers or []), *spec.containers]:
            assert container.security_context.read_only_root_filesystem, pod.metadata.name
            assert container.security_context.capabilities.drop == ["ALL"], pod.metadata.name


def test_the_policy_names_the_addresses_at_which_this_cluster_s_api_is(
    jinsu: Installation, api: client.ApiClient
) -> None:
    """As Helm found them when it installed the chart."""
    policy = client.NetworkingV1Api(api).read_namespaced_network_policy(f"{RELEASE}-kubernetes", NAMESPACE)
    named = {peer.ip_block.cidr for rule in policy.spec.egress for peer in rule.to}
    endpoints = jinsu.core.read_namespaced_endpoints("kubernetes", "default").subsets
    addresses = {one.ip for subset in endpoints for one in subset.addresses}
    service = jinsu.core.read_namespaced_service("kubernetes", "default").spec.cluster_ip
    assert named == {f"{address}/32" for address in (*addresses, service)}


def test_each_process_has_its_own_account_of_the_database(jinsu: Installation) -> None:
    """None of them but the migration, which has ended, is the owner."""
    asked = "SELECT DISTINCT usename FROM pg_stat_activity WHERE usename IS NOT NULL AND pid <> pg_backend_pid()"
    script = (
        "import os, psycopg; print(*[row[0] for row in psycopg.connect(host='127.0.0.1', user='jinsu', dbname='postgres', "
        f"password=os.environ['JINSU_DATABASE_PASSWORD']).execute({asked!r})])"
    )
    found = set(jinsu.kubectl("exec", f"statefulset/{RELEASE}-database", "--", "python", "-c", script).split())
    assert {"jinsu_api", "jinsu_controller", "jinsu_scheduler", "jinsu_mlflow"} <= found
    assert "jinsu" not in found


def test_a_model_is_launched_from_outside(jinsu: Installation, tmp_path: Path) -> None:
    """Submission, data validation, a GPU pod, registration, approval, canary, promotion, prediction."""
    folder = write_points_folder(tmp_path)
    spec = (folder / "model.yaml").read_text().replace("name: points", "name: launched")
    (folder / "model.yaml").write_text(
        spec.replace("params: {features: 2}", "params: {features: 2}\n  resources: {gpu: 1, cpu: 0.4, memory: 512Mi}")
    )

    run = json.loads(jinsu.jinsu("submit", folder, "--json", person="jane"))["id"]
    until(lambda: "waits for a person" in jinsu.why(run), 120, lambda: f"the review: {jinsu.why(run)}")
    assert jinsu.step(run).spec.containers[0].resources.limits["nvidia.com/gpu"] == "1"
    assert "note:" in jinsu.jinsu("logs", run)
    own = jinsu.api_as("jane").post(f"/reviews/{run}", json={"verdict": "approve"})
    assert own.status_code == 403, own.text
    jinsu.jinsu("review", "approve", run, person="rita")
    ended = jinsu.ended(run, 60)

    assert ended["state"] == "succeeded", ended["why"]
    assert (ended["submitter"], jinsu.ledger("launched")[0]["actor"]) == ("jane", "rita")
    until(lambda: jinsu.answering("launched") == "1", 10, "version 1 to answer")
    assert jinsu.jinsu("predict", "launched", "[[1, 1]]").startswith("launched version 1\n")
    stranger = httpx.post(jinsu.url("launched"), json={"inputs": [[1, 1]]})
    assert stranger.status_code == 401
    alias = "/api/2.0/mlflow/registered-models/alias"
    champion = jinsu.mlflow("jane").get(alias, params={"name": "launched", "alias": "champion"})
    assert champion.json()["model_version"]["version"] == "1", champion.text
    refused = jinsu.mlflow("jane").post(alias, json={"name": "launched", "alias": "challenger", "version": "1"})
    assert refused.status_code == 403, refused.text


def test_a_person_signs_in_once_for_every_door(jinsu: Installation) -> None:
    """In a browser, at the addresses that Helm's notes forward; the cookies are for plain HTTP."""
    api, airflow, mlflow = (jinsu.address(part) for part in ("api", "airflow", "mlflow"))
    with httpx.Client(follow_redirects=True, timeout=30, headers={"accept": "text/html"}) as browser:
        form = browser.get(f"{airflow}/auth/login")
        assert str(form.url).startswith(f"{api}/login?"), form.url
        filled = {**form.url.params, "name": "jane", "password": "password of jane"}
        landed = browser.post(f"{api}/login", data=filled, headers={"origin": api})
        assert str(landed.url).startswith(airflow), (landed.url, landed.text[:500])
        assert browser.get(f"{airflow}/api/v2/dags").is_success
        landed = browser.get(f"{mlflow}/")
        assert str(landed.url) == f"{mlflow}/", (landed.url, landed.text[:500])
        assert browser.get(f"{mlflow}/api/2.0/mlflow/experiments/search", params={"max_results": 10}).is_success


@pytest.mark.parametrize("door", ["airflow", "mlflow"])
def test_a_reviewer_approves_under_the_own_name_whichever_the_door(jinsu: Installation, door: str) -> None:
    run = jinsu.submit(f"by-{door}", review="required")
    until(lambda: "waits for a person" in jinsu.why(run), 120, lambda: f"the review: {jinsu.why(run)}")

    answer = approve_in_airflow(jinsu, run) if door == "airflow" else approve_in_mlflow(jinsu, f"by-{door}")

    assert answer.is_success, answer.text
    assert jinsu.ended(run, 60)["state"] == "succeeded", jinsu.why(run)
    assert jinsu.stage(run, "review")["output"] == {"version": "1", "reviewer": "rita", "via": door}


def approve_in_airflow(jinsu: Installation, run: str) -> httpx.Response:
    name, row = dag_of("default"), jinsu.run(run)
    body = {"chosen_options": ["Approve"], "params_input": {"reason": "looks good"}}
    place = f"/dags/{name}/dagRuns/{row['dag_run']}/taskInstances/review/-1/hitlDetails"
    return jinsu.airflow("rita").patch(place, json=body)


def approve_in_mlflow(jinsu: Installation, model: str) -> httpx.Response:
    body = {"name": model, "alias": "challenger", "version": "1"}
    return jinsu.mlflow("rita").post("/api/2.0/mlflow/registered-models/alias", json=body)


def test_the_chart_s_policy_is_the_team_s(jinsu: Installation) -> None:
    shown = jinsu.api.get("/teams/default/policy").json()
    assert (shown["version"], shown["by"], shown["document"]) == (1, "jinsu", {"review": {"approvers": 0}})


def test_the_kubeflow_pipeline_ends_with_a_champion(
    jinsu: Installation, image: Callable[[str], str], tmp_path: Path
) -> None:
    """The compiled pipeline, container by container; a person other than the one who started the run approves."""
    know_two_trials(jinsu, tmp_path)
    engine = KubeflowPods(jinsu.core, PIPELINES, "jinsu-kubeflow")
    execution = Execution(Pipeline.read(PIPELINE), engine.launch, str(uuid4()))
    form = {"model": "piped", "dataset": "points@latest", "train_params": {"features": 2}, "user": "jane"}

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(execution.run, **form, image=image("platform"))
        run = until(lambda: ended.done() or run_called(jinsu, "piped", execution.run_id), 90, "the run to be admitted")
        assert not ended.done(), ended.exception()
        until(lambda: ended.done() or "waits for a person" in jinsu.why(run), 240, lambda: jinsu.why(run))
        assert not ended.done(), ended.exception()
        jinsu.jinsu("review", "approve", run, person="rita")
        left = ended.result(timeout=240)

    assert jinsu.run(run)["state"] == "succeeded", jinsu.why(run)
    assert jinsu.run(run)["submitter"] == "jane"
    assert left["admit"] == {"submission": run, "dataset": jinsu.run(run)["dataset"], "trials": ["0", "1"]}
    assert left["package"]["trial"] in (0, 1)
    assert left["review"] == {"submission": run, "version": "1", "reviewer": "rita", "via": "cli"}
    assert left["promote"] == {"submission": run, "version": "1", "previous": ""}
    until(lambda: jinsu.answering("piped") == "1", 10, "version 1 to answer")
    trained = [stage for stage in jinsu.run(run)["stages"] if stage["name"] == "train"]
    assert sorted(stage["trial"] for stage in trained) == [0, 1]
    print({task: f"{seconds:.0f} s" for task, seconds in engine.seconds.items()})


def know_two_trials(jinsu: Installation, parent: Path) -> None:
    """Has the platform know the model `piped`, whose search has two trials. Its run in Airflow is cancelled at once."""
    folder = write_points_folder(parent)
    spec = (folder / "model.yaml").read_text().replace("name: points", "name: piped")
    trials = "params: {features: 2}\n  trials: [{note: first}, {note: second}]\n  resources: {cpu: 0.4, memory: 512Mi}"
    (folder / "model.yaml").write_text(spec.replace("params: {features: 2}", trials))
    script = (folder / "train.py").read_text()
    logged = "loss=loss.item(), accuracy=(model(x).argmax(1) == y).float().mean().item()"
    (folder / "train.py").write_text(script.replace("loss=loss.item()", logged))
    run = json.loads(jinsu.jinsu("submit", folder, "--json"))["id"]
    jinsu.jinsu("cancel", run)


def run_called(jinsu: Installation, model: str, name: str) -> str:
    """The id of the model's run that an engine calls so; empty while there is none."""
    ids = [str(one["id"]) for one in jinsu.api.get("/runs").json() if one["model"] == model]
    return next((run for run in ids if jinsu.run(run)["dag_run"] == name), "")


def test_an_upgrade_with_a_run_in_flight_loses_nothing(jinsu: Installation, chosen: dict[str, Any]) -> None:
    """Every pod but those that keep things is replaced while a model trains and another answers."""
    jinsu.launch("steady", train=GPU)
    by_hand = {"JINSU_OIDC_CLIENT_SECRET": "of a provider", "JINSU_AIRFLOW_PASSWORD": "of the release before"}
    jinsu.core.patch_namespaced_secret(RELEASE, NAMESPACE, {"stringData": by_hand})
    secrets, before = jinsu.core.read_namespaced_secret(RELEASE, NAMESPACE).data, jinsu.pods()
    assert by_hand.keys() < secrets.keys()
    run = jinsu.submit("steady", seconds=25, train=GPU, canary={"min_requests": 5})
    until(lambda: jinsu.step(run) and jinsu.step(run).status.phase == "Running", 60, "the training")
    pod = jinsu.step(run).metadata.name
    little = {"resources": {"requests": {"cpu": "11m", "memory": "64Mi"}}}

    with jinsu.traffic("steady") as traffic:
        jinsu.upgrade({**chosen, "training": {"slots": 63}, "modelServers": little,
                       "gateway": {**chosen["gateway"], **little}})  # fmt: skip
        ended = jinsu.ended(run, 180)

    assert ended["state"] == "succeeded", ended["why"]
    assert traffic.failed == []
    assert set(traffic.versions()) == {"1", "2"}
    assert [one.metadata.name for one in jinsu.steps() if one.metadata.labels["jinsu.dev/submission"] == run] == [pod]
    assert jinsu.core.read_namespaced_secret(RELEASE, NAMESPACE).data == secrets
    same = {part for part, names in jinsu.pods().items() if set(names) & set(before.get(part, []))}
    assert same == {"broker", "database", "store"}, "what an upgrade does not change stays"


def test_a_rollback_keeps_every_secret_and_brings_the_settings_back(
    jinsu: Installation, chosen: dict[str, Any]
) -> None:
    def slots() -> int:
        text = jinsu.core.read_namespaced_config_map(f"{RELEASE}-settings", NAMESPACE).data["settings.json"]
        return int(json.loads(text)["training_slots"])

    before = slots()
    jinsu.upgrade({**chosen, "training": {"slots": 61}})
    jinsu.core.patch_namespaced_secret(
        RELEASE, NAMESPACE, {"stringData": {"JINSU_REVIEW_WEBHOOK": "http://a.invalid/b"}}
    )
    secrets = jinsu.core.read_namespaced_secret(RELEASE, NAMESPACE).data
    assert slots() == 61

    jinsu.helm("rollback", RELEASE)
    jinsu.wait()

    assert jinsu.core.read_namespaced_secret(RELEASE, NAMESPACE).data == secrets
    assert slots() == before
    jinsu.launch("rolled-back")


def test_two_runs_wait_for_the_same_gpus(jinsu: Installation) -> None:
    first = jinsu.submit("queued-first", seconds=12, train=ALL_GPUS)
    until(lambda: jinsu.step(first) and jinsu.step(first).status.phase == "Running", 60, "the first training")
    second = jinsu.submit("queued-second", seconds=1, train=ALL_GPUS)

    said = until(lambda: jinsu.why(second) if "no free GPU" in jinsu.why(second) else "", 30, "the reason")

    assert said == "train is queued: it waits for a place: the only node has no free GPU."
    ends = [jinsu.ended(run, 120) for run in (first, second)]
    assert [end["state"] for end in ends] == ["succeeded", "succeeded"]
    trained = [jinsu.stage(run, "train") for run in (first, second)]
    assert trained[1]["output"]["seconds"] < trained[1]["ended"] - trained[1]["started"] - 5  # the wait did not count


def test_a_higher_priority_takes_the_place_and_the_lower_one_resumes(jinsu: Installation) -> None:
    undisturbed = jinsu.submit("low", seconds=10, note="calm", train={**GPU, "priority": "low"})
    assert jinsu.ended(undisturbed, 120)["state"] == "succeeded"
    low = jinsu.submit("low", seconds=10, train={**ALL_GPUS, "priority": "low"}, canary={"steps": [50]})
    until(lambda: trained(jinsu, low, 2), 90, "three seconds of training")

    high = jinsu.submit("high", seconds=2, train={**ALL_GPUS, "priority": "high"})
    assert jinsu.ended(high, 120)["state"] == "succeeded"

    until(lambda: jinsu.stage(low, "train").get("state") == "done", 180, lambda: f"the end: {jinsu.why(low)}")
    assert "resumed at second" in jinsu.jinsu("logs", low)
    metrics = [jinsu.stage(run, "train")["output"]["metrics"] for run in (undisturbed, low)]
    assert metrics[0] == metrics[1]
    jinsu.jinsu("cancel", low)


def trained(jinsu: Installation, run: str, second: int) -> bool:
    """Whether the training has counted so far, and its checkpoint has had the time to be kept."""
    return jinsu.step(run) is not None and f"second {second + 1}\n" in jinsu.jinsu("logs", run)


def test_a_pod_deleted_by_hand_costs_nothing_but_time(jinsu: Installation) -> None:
    run = jinsu.submit("deleted", seconds=13, train=GPU)
    until(lambda: trained(jinsu, run, 2), 90, "three seconds of training")

    jinsu.core.delete_namespaced_pod(jinsu.step(run).metadata.name, TEAM)

    assert jinsu.ended(run, 180)["state"] == "succeeded", jinsu.why(run)
    assert "resumed at second" in jinsu.jinsu("logs", run)


def test_a_cancelled_run_leaves_no_pod(jinsu: Installation) -> None:
    run = jinsu.submit("cancelled", seconds=100, train=GPU)
    until(lambda: jinsu.step(run) and jinsu.step(run).status.phase == "Running", 60, "the training")

    jinsu.jinsu("cancel", run)

    until(lambda: jinsu.step(run) is None, 60, "the pod to go")
    assert jinsu.run(run)["state"] == "cancelled"


def test_a_model_server_that_somebody_deletes_comes_back(jinsu: Installation) -> None:
    jinsu.launch("swept", train=GPU)
    first = jinsu.apps.read_namespaced_deployment("model-swept-v1", NAMESPACE).metadata.uid

    jinsu.apps.delete_namespaced_deployment("model-swept-v1", NAMESPACE)

    def again() -> bool:
        found = jinsu.apps.list_namespaced_deployment(NAMESPACE).items
        return any(one.metadata.name == "model-swept-v1" and one.metadata.uid != first for one in found)

    until(again, 60, "the model server to come back")
    until(lambda: _answers(jinsu, "swept"), 60, "it to answer")


def _answers(jinsu: Installation, model: str) -> bool:
    try:
        return jinsu.answering(model) is not None
    except httpx.HTTPError:
        return False


def test_uninstalling_leaves_what_it_says(jinsu: Installation, api: client.ApiClient) -> None:
    """Last of all. Without persistence it says that it keeps nothing."""
    jinsu.close()
    jinsu.helm("uninstall", RELEASE, within=120)

    def left() -> list[str]:
        found = [
            f"namespace/{one.metadata.name}" for one in jinsu.core.list_namespace().items if one.metadata.name == TEAM
        ]
        found += [f"pod/{one.metadata.name}" for one in jinsu.core.list_namespaced_pod(NAMESPACE).items]
        found += [f"account/{one.metadata.name}" for one in jinsu.core.list_namespaced_service_account(PIPELINES).items
                  if one.metadata.name != "default"]  # fmt: skip
        found += [f"deployment/{one.metadata.name}" for one in jinsu.apps.list_namespaced_deployment(NAMESPACE).items]
        found += [f"service/{one.metadata.name}" for one in jinsu.core.list_namespaced_service(NAMESPACE).items]
        found += [f"secret/{one.metadata.name}" for place in (NAMESPACE, PIPELINES)
                  for one in jinsu.core.list_namespaced_secret(place).items
                  if one.type == "Opaque"]  # fmt: skip
        found += [f"configmap/{one.metadata.name}" for place in (NAMESPACE, PIPELINES)
                  for one in jinsu.core.list_namespaced_config_map(place).items
                  if one.metadata.name != "kube-root-ca.crt"]  # fmt: skip
        classes = client.SchedulingV1Api(api).list_priority_class().items
        return found + [
            f"priorityclass/{one.metadata.name}" for one in classes if one.metadata.name.startswith(RELEASE)
        ]

    until(lambda: not left(), 120, lambda: f"these to go: {left()}")
    assert CHART.is_dir()
