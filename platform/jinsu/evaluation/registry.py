"""Every kind of problem, with how it is judged."""

from __future__ import annotations

from collections.abc import Mapping

from jinsu.evaluation.kinds.classification import CLASSIFICATION
from jinsu.evaluation.kinds.custom import CUSTOM
from jinsu.evaluation.kinds.forecasting import FORECASTING
from jinsu.evaluation.kinds.image_to_image import IMAGE_TO_IMAGE
from jinsu.evaluation.kinds.kind import JudgedKind
from jinsu.evaluation.kinds.multilabel import MULTILABEL
from jinsu.evaluation.kinds.policy import POLICY
from jinsu.evaluation.kinds.quantiles import QUANTILES
from jinsu.evaluation.kinds.ranking import RANKING
from jinsu.evaluation.kinds.regression import REGRESSION
from jinsu.evaluation.kinds.retrieval import RETRIEVAL
from jinsu.spec.metrics import Kind

KINDS: Mapping[Kind, JudgedKind] = {
    Kind.CLASSIFICATION: CLASSIFICATION,
    Kind.MULTILABEL: MULTILABEL,
    Kind.REGRESSION: REGRESSION,
    Kind.QUANTILES: QUANTILES,
    Kind.FORECASTING: FORECASTING,
    Kind.RANKING: RANKING,
    Kind.RETRIEVAL: RETRIEVAL,
    Kind.IMAGE_TO_IMAGE: IMAGE_TO_IMAGE,
    Kind.POLICY: POLICY,
    Kind.CUSTOM: CUSTOM,
}
