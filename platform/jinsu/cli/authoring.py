"""jinsu init, check."""

from __future__ import annotations

from pathlib import Path

import click

from jinsu.cli.extras import Extra, require
from jinsu.cli.show import as_json, echo, print_json, progress

_SPEC = """\
# yaml-language-server: $schema=https://jinsu.dev/schema/model.json
name: {name}
problem: {{dataset: {name}, target: label, metric: accuracy, min: 0.5}}
train:
  command: python train.py
  params: {{epochs: 5, lr: 0.01}}
  resources: {{gpu: 0, cpu: 1, memory: 2Gi, hours: 1}}
serve: {{max_latency_ms: 50}}
release: {{canary: {{steps: [5, 25, 50], every: 1m, min_requests: 50}}}}
"""

_SCRIPT = '''\
"""Numbers in, a class out. Try it alone: python train.py FILE.parquet"""

import sys

import jinsu
import numpy as np
import torch
from torch import nn

params = jinsu.params(epochs=5, lr=0.01)
columns = jinsu.dataset(alone=sys.argv[1] if len(sys.argv) > 1 else None)

features = [name for name in columns if name != "label"]
x = torch.from_numpy(np.column_stack([columns[name] for name in features]).astype(np.float32))
y = torch.from_numpy(columns["label"].astype(np.int64))

model = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, int(y.max()) + 1))
optimizer = torch.optim.Adam(model.parameters(), lr=params.lr)
for epoch in range(params.epochs):
    for rows in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    jinsu.log(step=epoch, loss=loss.item())
    print(f"epoch {epoch}: loss {loss.item():.4f}")

jinsu.save(model, example=x[:64].numpy())
'''


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--name", help="Model name; default: the folder's.")
def init(folder: Path, name: str | None) -> None:
    """Write a first model.yaml and train.py into FOLDER. Nothing that exists is changed.

    \b
    Example:
      jinsu init my-model
    """
    import re

    from jinsu.spec.load import parse_spec

    wanted = name or re.sub(r"[^a-z0-9]+", "-", folder.absolute().name.lower()).strip("-")[:40] or "model"
    text = _SPEC.format(name=wanted)
    parse_spec(text)
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in (("model.yaml", text), ("train.py", _SCRIPT)):
        path = folder / file
        if path.exists():
            click.echo(f"{path}: is there already, left as it is")
        else:
            path.write_text(content, encoding="utf-8")
            click.echo(f"{path}: written")
    click.echo(f"Next: jinsu data put {wanted} FILE.parquet, then jinsu check {folder}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--team", default="", help="For which team, when the model is new and you are in several.")
@as_json
def check(folder: Path, team: str, json_: bool) -> None:
    """Try a model in seconds, before anything is queued.

    Reads the spec and the script, asks the platform about the problem and its columns, validates a sample of the rows, runs
    the script on them until it saves, and checks what it saved: signature, parity, latency. Each finding is shown as soon
    as it is known; what can be known without running the script comes first.

    \b
    Example:
      jinsu check examples/digits
    """
    require(Extra.CHECK, "jinsu check")
    from jinsu.cli.checking import Finding, check_folder

    found: list[Finding] = []
    with progress(json_) as say:
        for finding in check_folder(folder, say, team):
            found.append(finding)
            if not json_:
                echo(f"  {'✔' if finding.passed else '!'} {finding.check:<12} {finding.text}")
    if json_:
        doubts = [finding.text for finding in found if not finding.passed]
        passed = {finding.check: finding.text for finding in found if finding.passed}
        print_json({**passed, "doubts": doubts} if doubts else passed)
        return
    click.echo(f"Ready: jinsu submit {folder}")
