"""What quantisation costs: the score of the model that serves beside that of the model as it was trained. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jinsu.evaluation.score import Score

if TYPE_CHECKING:
    from jinsu.evaluation.report import Report


@dataclass(frozen=True)
class Original:
    """The model before it was quantised, on the same rows.

    score: its metric. gain: how much better the quantised model is; below zero is worse. allowed: the largest loss.
    """

    score: Score
    gain: Score
    allowed: float


def beside_original(report: Report, score: Score, gain: Score, share: float) -> Report:
    """The report of a quantised model with its loss, and with a reason when the loss is more than `share` of the score."""
    original = Original(score, gain, share * abs(score.value))
    if gain.value >= -original.allowed:
        return replace(report, original=original)
    reason = (
        f"quantisation takes {report.metric} from {score.value:.4f} to {report.overall.value:.4f}, serve.quantization_loss "
        f"allows a loss of {original.allowed:.4f}; leave out serve.quantize, or allow more"
    )
    return replace(report, original=original, reasons=(*report.reasons, reason))
