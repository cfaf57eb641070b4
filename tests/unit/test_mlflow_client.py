"""MLflow's own client of scoring servers, against a server process on a port."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from tests.support.ports import free_ports
from tests.support.tensor_models import write_echo

COLUMNS = {"age": ("float64", [-1]), "clicks": ("int64", [-1]), "title": ("string", [-1])}
FRAME = pd.DataFrame({"title": ["진수", "b"], "age": [1.5, 2.0], "clicks": [3, -4]})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoringServerClient]:
    folder, port = write_echo(tmp_path_factory.mktemp("echo"), COLUMNS), free_ports()
    command = [sys.executable, "-m", "jinsu.serving.server", str(folder), "--name", "m", "--version", "3"]
    process = subprocess.Popen([*command, "--port", str(port)])
    try:
        client = ScoringServerClient("127.0.0.1", port)
        client.wait_server_ready(60, process)
        yield client
    finally:
        process.terminate()
        process.wait(60)


RECORDS = json.loads(FRAME.to_json(orient="records"))


@pytest.mark.parametrize("data", [FRAME, FRAME[["clicks", "title", "age"]], RECORDS], ids=["frame", "moved", "records"])
def test_the_client_sends_and_reads_what_the_server_means(client: ScoringServerClient, data: Any) -> None:
    """A data frame, whatever the order of its columns, and a list of records."""
    answers = client.invoke(data).get_predictions()
    assert sorted(answers) == sorted(f"{name}_back" for name in COLUMNS)
    for name in COLUMNS:
        np.testing.assert_array_equal(answers[f"{name}_back"], FRAME[name])


def test_a_refusal_is_an_error_of_the_client(client: ScoringServerClient) -> None:
    with pytest.raises(Exception, match="title is missing"):
        client.invoke(FRAME.drop(columns="title"))
