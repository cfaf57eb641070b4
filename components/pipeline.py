"""The lifecycle as a pipeline of Kubeflow, compiled to pipeline.yaml.

    make components                                                  compiles it with the kfp of components/kfp.lock
    .venv/kfp/bin/python components/pipeline.py --ca my-authority    for an object store with a private authority

The chart's value `kubeflow` installs what the pods need: docs/kubeflow.md.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import yaml
from kfp import compiler, components, dsl, kubernetes

HERE = Path(__file__).parent
STAGES = ("admit", "validate_data", "train", "package", "evaluate", "register", "review", "canary", "promote")
COMPONENTS = {stage: components.load_component_from_file(str(HERE / stage / "component.yaml")) for stage in STAGES}
IMAGE = yaml.safe_load((HERE / "admit" / "component.yaml").read_text())["implementation"]["container"]["image"]

# Where settings.json is, which the chart writes; it says that the platform's files are in /jinsu/home.
SETTINGS, HOME = "/jinsu/settings", "/jinsu/home"
# The NetworkPolicies of the chart know the pods by this label.
LABEL = ("app.kubernetes.io/name", "jinsu-stage")
SECRETS = ("JINSU_DATABASE_PASSWORD", "JINSU_MLFLOW_PASSWORD", "JINSU_STEP_KEY")
# They are absent where the object store takes a role instead of keys.
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class Size(NamedTuple):
    """What a pod reserves, and the memory that it may use."""

    cpu: str
    memory: str
    most: str


WORK = Size("100m", "512Mi", "4Gi")  # it reads the dataset, or runs the model
WAIT = Size("10m", "192Mi", "1Gi")  # it waits for a Job, a person or the controller


def on_platform(task: dsl.PipelineTask, size: Size, image: str, installation: str, ca: str) -> dsl.PipelineTask:
    """What every stage needs to reach the platform. A stage that was interrupted is started again; doing it twice is safe."""
    task.set_container_image(image)
    task.set_cpu_request(size.cpu).set_memory_request(size.memory).set_memory_limit(size.most)
    task.set_env_variable("JINSU_HOME", SETTINGS)
    task.set_caching_options(False)  # Jinsu finds by itself what was done before
    task.set_retry(num_retries=4, backoff_duration="10s", backoff_factor=2, backoff_max_duration="60s")
    kubernetes.use_config_map_as_volume(task, config_map_name=installation, mount_path=SETTINGS)
    kubernetes.empty_dir_mount(task, volume_name="jinsu-home", mount_path=HOME, size_limit="10Gi")
    kubernetes.use_secret_as_env(task, secret_name=installation, secret_key_to_env={name: name for name in SECRETS})
    kubernetes.use_secret_as_env(
        task, secret_name=installation, secret_key_to_env={name: name for name in STORE_KEYS}, optional=True
    )
    if ca:
        kubernetes.use_config_map_as_volume(task, config_map_name=ca, mount_path="/etc/jinsu-ca")
    kubernetes.add_pod_label(task, *LABEL)
    kubernetes.set_image_pull_policy(task, "IfNotPresent")
    return task


def lifecycle(ca: str) -> dsl.base_component.BaseComponent:
    """The pipeline. ca: a ConfigMap with ca.crt, the private authority of the object store; empty for none."""

    @dsl.pipeline(name="jinsu-lifecycle", description="From a training script to a champion: docs/kubeflow.md")
    def pipeline(
        model: str,
        user: str,
        problem: str = "",
        train_params: dict = {},  # noqa: B006  # kfp reads the default, and nothing changes it
        team: str = "",
        image: str = IMAGE,
        installation: str = "jinsu-kubeflow",
    ) -> None:
        """From a training script to a champion.

        Args:
            model: A model whose code the platform has: an example, or one submitted before.
            user: Account of the person who starts the run; another person reviews it.
            problem: The problem that it answers; leave empty for the one of the code.
            train_params: Overrides of train.params, such as {"epochs": 10}.
            team: For which team, when the model is new and the person is in several.
            image: The platform's image, by its digest.
            installation: Name of the ConfigMap and of the Secret that the chart made in this namespace.
        """

        def stage(name: str, size: Size, *after: dsl.PipelineTask, **inputs: object) -> dsl.PipelineTask:
            return on_platform(COMPONENTS[name](**inputs), size, image, installation, ca).after(*after)

        # A submission that was made elsewhere already runs in Airflow, so none is named here.
        form = {"model": model, "problem": problem, "train_params": train_params, "submission": ""}
        form |= {"user": user, "team": team}
        admit = stage("admit", WORK, run_name=dsl.PIPELINE_JOB_ID_PLACEHOLDER, **form)
        run = admit.outputs["submission"]
        validate_data = stage("validate_data", WORK, submission=run)
        with dsl.ParallelFor(admit.outputs["trials"], name="trials") as trial:
            train = stage("train", WAIT, validate_data, submission=run, trial=trial)
        package = stage("package", WORK, train, submission=run)
        evaluate = stage("evaluate", WORK, package, submission=run)
        register = stage("register", WORK, evaluate, submission=run)
        review = stage("review", WAIT, register, submission=run)
        canary = stage("canary", WAIT, review, submission=run)
        stage("promote", WAIT, canary, submission=run)

    return pipeline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ca", default="", help="ConfigMap with ca.crt, the object store's private authority")
    parser.add_argument("--out", default=str(HERE / "pipeline.yaml"), help="where to write the compiled pipeline")
    given = parser.parse_args()
    compiler.Compiler().compile(lifecycle(given.ca), given.out)


if __name__ == "__main__":
    main()
