"""Every kind of problem, with how it is judged."""

from __future__ import annotations

from collections.abc import Mapping

from jinsu.evaluation.kinds.classification import CLASSIFICATION
from jinsu.evaluation.kinds.kind import JudgedKind
from jinsu.evaluation.kinds.regression import REGRESSION
from jinsu.spec.metrics import Kind

KINDS: Mapping[Kind, JudgedKind] = {
    Kind.CLASSIFICATION: CLASSIFICATION,
    Kind.REGRESSION: REGRESSION,
}
