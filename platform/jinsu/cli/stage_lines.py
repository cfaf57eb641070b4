"""A stage that has ended, as one line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinsu.runs.stages import (
    Admitted,
    Evaluated,
    Packaged,
    Promoted,
    Registered,
    Reviewed,
    RolledOut,
    StageOutput,
    Trained,
    Validated,
)
from jinsu.state.states import StageState

if TYPE_CHECKING:
    from jinsu.api.models import Stage


def describe_stage(stage: Stage) -> str:
    """`  ✔ train            12.3 s  loss 0.1`: how the stage ended, how long it took, and what came of it."""
    done = stage.state is StageState.DONE
    seconds = (stage.ended or stage.started) - stage.started
    summary = stage.detail if not done or stage.output is None else _summary(stage.output)
    return f"  {'✔' if done else '✘'} {stage.name:<14} {seconds:6.1f} s  {summary}"


def _summary(output: StageOutput) -> str:
    match output:
        case Admitted():
            return output.dataset
        case Validated():
            return f"{output.checks} expectations hold on {output.rows} rows"
        case Trained():
            return ", ".join(f"{name} {value:.4g}" for name, value in output.metrics.items())
        case Packaged():
            return f"p99 {output.latency.p99_ms:g} ms, parity {output.parity.largest_relative:.0e}"
        case Evaluated():
            gain = f", {output.gain.value:+.4f} to the champion" if output.gain else ""
            return f"{output.metric} {output.overall.value:.4f} on {output.rows} held-out rows{gain}"
        case Reviewed():
            return f"approved by {output.reviewer} via {output.via}"
        case RolledOut():
            return output.reason or f"version {output.version}"
        case Registered() | Promoted():
            return f"version {output.version}"
