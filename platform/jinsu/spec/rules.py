"""The rules of one submission: the stricter of its team's policy, its problem and its model spec. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import Field

from jinsu.errors import BadInputError
from jinsu.spec.metrics import known
from jinsu.spec.model import ModelSpec, Quantization
from jinsu.spec.parts import Part
from jinsu.spec.policy import PolicySpec
from jinsu.spec.problem import Judging, ProblemSpec, Split

MODEL_FILE = "model.yaml"
DEFAULT = "default"
"""What a rule's document is called when no document names the rule."""


class ReviewRules(Part):
    """How many people must approve, whether the submitter counts among them, and when a reviewer is reminded."""

    approvers: int
    self_approval: bool
    days: float


class CanaryRules(Part):
    """How the rollout of a version goes; the fields are those of `jinsu.spec.parts.Canary`."""

    steps: list[int]
    every: float
    min_requests: int
    deadline: float
    max_error_increase: float
    max_latency_ratio: float


class Rules(Part):
    """What decides about one submission, as it was on the day of its admission.

    dataset: the pinned version, `NAME@DIGITS`. features: the columns that the model reads, in order; None for every column
    but the target. egress: what the policy lets a training reach.
    quantize: None for a model that serves as it was saved. gpu: GPUs of each model server. image: what it trains in, None for the
    platform's own image.
    documents: which document set a rule, by the rule's line, such as
    `{"serve.max_latency_ms": "problem categories, version 3"}`.
    """

    problem: str
    version: int
    team: str
    dataset: str
    target: str
    features: list[str] | None
    split: Split
    expectations: str | None
    judging: Judging
    max_latency_ms: float
    parity_tolerance: float
    review: ReviewRules
    canary: CanaryRules
    per_day: int | None
    egress: list[str] = Field(default_factory=list)
    quantize: Quantization | None = None
    quantization_loss: float = 0.01
    gpu: int = 0
    image: str | None = None
    documents: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class NamedProblem:
    """A version of a problem and the team that owns it."""

    name: str
    version: int
    team: str
    spec: ProblemSpec

    @property
    def title(self) -> str:
        return f"problem {self.name}, version {self.version}"


@dataclass(frozen=True)
class NamedPolicy:
    """A version of a team's policy. version: 0 for the policy of a team that has put none."""

    team: str
    version: int
    spec: PolicySpec

    @property
    def title(self) -> str:
        return f"policy of team {self.team}, version {self.version}"


_Value = TypeVar("_Value", int, float)

_IN_MODEL = {"release.canary.first_step": "release.canary.steps: its first"}
"""How `model.yaml` calls a line that the other documents call otherwise."""


@dataclass(frozen=True)
class _Line(Generic[_Value]):
    """One line that several documents may hold. lower: whether a lower value is stricter."""

    name: str
    lower: bool
    default: _Value | None
    model: _Value | None
    problem: _Value | None
    policy: _Value | None

    def stricter(self, left: _Value, right: _Value) -> bool:
        return left < right if self.lower else left > right


class _Merge:
    """Takes the strictest value of each line, and notes its document and the lines of `model.yaml` that are too loose."""

    def __init__(self, problem: NamedProblem, policy: NamedPolicy) -> None:
        self._problem, self._policy = problem, policy
        self.documents: dict[str, str] = {}
        self.refusals: list[str] = []

    def take(self, line: _Line[_Value]) -> _Value | None:
        """The problem's value, or the default; tightened by the policy; and then by the model, if that is not looser."""
        best, document = (line.default, DEFAULT) if line.problem is None else (line.problem, self._problem.title)
        bound, bounding = line.problem, self._problem.title
        if line.policy is not None:
            if best is None or line.stricter(line.policy, best):
                best, document = line.policy, self._policy.title
            if bound is None or line.stricter(line.policy, bound):
                bound, bounding = line.policy, self._policy.title
        if line.model is not None and bound is not None and line.stricter(bound, line.model):
            self._refuse(line, bound, bounding)
        elif line.model is not None:
            best, document = line.model, MODEL_FILE
        if best is not None:
            self.documents[line.name] = document
        return best

    def need(self, line: _Line[_Value]) -> _Value:
        """As `take`, for a line that has a default."""
        value = self.take(line)
        assert value is not None
        return value

    def _refuse(self, line: _Line[Any], bound: float, document: str) -> None:
        assert line.model is not None
        word = "at most" if line.lower else "at least"
        # The same line stands elsewhere in the other documents.
        section = "evaluate." if document == self._problem.title else "release."
        theirs = line.name.removeprefix(section)
        self.refuse(
            f"{_IN_MODEL.get(line.name, line.name)}: {_shown(line.model)} is looser than {document} allows "
            f"(line {theirs}: {_shown(bound)}); write {word} {_shown(bound)}, or leave the line out"
        )

    def refuse(self, sentence: str) -> None:
        self.refusals.append(f"{MODEL_FILE}: {sentence}.")


def effective(model: ModelSpec, problem: NamedProblem, policy: NamedPolicy, dataset: str) -> Rules:
    """The rules for a model that answers a problem under a policy. dataset: the pinned version.

    Raises BadInputError with one sentence for each line of `model.yaml` that is looser than a document allows.
    """
    merge = _Merge(problem, policy)
    rules = Rules(
        problem=problem.name,
        version=problem.version,
        team=problem.team,
        dataset=dataset,
        target=problem.spec.target,
        features=_features(merge, model, problem),
        split=problem.spec.split,
        expectations=problem.spec.expectations,
        judging=_judging(merge, model, problem),
        max_latency_ms=merge.need(_serve("max_latency_ms", 100.0, model, problem, policy)),
        parity_tolerance=merge.need(_serve("parity_tolerance", 1e-4, model, problem, policy)),
        quantize=_quantize(merge, model),
        quantization_loss=merge.need(_serve("quantization_loss", 0.01, model, problem, policy)),
        gpu=_serving_gpus(merge, model, problem, policy),
        review=_review(merge, model, problem, policy),
        canary=_canary(merge, model, problem, policy),
        per_day=merge.take(
            _Line(
                "submissions.per_day",
                True,
                None,
                None,
                problem.spec.submissions.per_day,
                policy.spec.submissions.per_day,
            )
        ),
        egress=policy.spec.egress,
        image=_image(merge, model, policy),
        documents=merge.documents,
    )
    _resources(merge, model, policy)
    if merge.refusals:
        raise BadInputError("\n".join(merge.refusals))
    return rules


def _features(merge: _Merge, model: ModelSpec, problem: NamedProblem) -> list[str] | None:
    allowed, spec = problem.spec.features, problem.spec
    for name in model.features or []:
        if name == spec.target:
            merge.refuse(f"features: {name!r} is the target of {problem.title}; a model must not read what it predicts")
        elif name == spec.split.column:
            merge.refuse(f"features: {name!r} says which rows {problem.title} holds out")
        elif allowed is not None and name not in allowed:
            merge.refuse(f"features: {name!r} is not among the features of {problem.title}: {', '.join(allowed)}")
    return model.features or allowed


def _judging(merge: _Merge, model: ModelSpec, problem: NamedProblem) -> Judging:
    ours, theirs = model.evaluate, problem.spec.judging
    for name in ("min", "max"):
        if getattr(ours, name) is not None and (name == "min") is not theirs.maximize:
            used = "min" if theirs.maximize else "max"
            merge.refuse(
                f"evaluate.{name}: has no meaning for {theirs.metric!r}, the metric of {problem.title}; write {used!r}"
            )
            ours = ours.model_copy(update={name: None})
    judging = theirs.model_copy(
        update={
            "min": merge.take(_Line("evaluate.min", False, None, ours.min, theirs.min, None)),
            "max": merge.take(_Line("evaluate.max", True, None, ours.max, theirs.max, None)),
            "vs_champion": merge.take(
                _Line("evaluate.vs_champion", False, None, ours.vs_champion, theirs.vs_champion, None)
            ),
            "max_folded": merge.need(
                _Line("evaluate.max_folded", True, 0.05, ours.max_folded, theirs.max_folded, None)
            ),
            "guardrails": dict(_guardrails(merge, model, problem)),
            "slices": _slices(merge, model, problem),
        }
    )
    _name_defaults(merge, problem)
    return judging


def _name_defaults(merge: _Merge, problem: NamedProblem) -> None:
    """A default of the problem bounds a model too, but no document says it."""
    if "max_folded" not in problem.spec.model_fields_set and merge.documents["evaluate.max_folded"] == problem.title:
        merge.documents["evaluate.max_folded"] = DEFAULT


def _guardrails(merge: _Merge, model: ModelSpec, problem: NamedProblem) -> Iterator[tuple[str, str]]:
    ours, theirs, metric = model.evaluate.guardrails, problem.spec.guardrails, problem.spec.metric
    for name in sorted({*ours, *theirs}):
        if name == metric:
            used = "min" if problem.spec.maximize else "max"
            merge.refuse(f"evaluate.guardrails.{name}: it is the metric of {problem.title}; write evaluate.{used}")
            continue
        if not problem.spec.measured_by(name):
            if (unknown := _unknown(name)) is not None:
                merge.refuse(f"evaluate.guardrails: {unknown}")
                continue
            merge.refuse(
                f"evaluate.guardrails.{name}: {name!r} measures another kind of target than {metric!r}, "
                f"the metric of {problem.title}"
            )
            continue
        bounds = [bound for bound in (ours.get(name), theirs.get(name)) if bound is not None]
        signs = {bound[:2] for bound in bounds}
        if len(signs) > 1:
            merge.refuse(f"evaluate.guardrails.{name}: turn it the way of {problem.title}: {theirs[name]}")
            continue
        (sign,) = signs
        asked, demanded = (float(bound[3:]) if bound else None for bound in (ours.get(name), theirs.get(name)))
        value = merge.need(_Line(f"evaluate.guardrails.{name}", sign == "<=", None, asked, demanded, None))
        yield name, next(bound for bound in bounds if float(bound[3:]) == value)  # as it was written, not rounded


def _unknown(metric: str) -> str | None:
    """Why this is no name of a metric; None when it is one."""
    try:
        known(metric)
    except ValueError as problem:
        return str(problem)
    return None


def _slices(merge: _Merge, model: ModelSpec, problem: NamedProblem) -> list[str] | dict[str, str | None]:
    """The problem's slices, each with the stricter of both bounds."""
    ours, spec = model.evaluate.slices, problem.spec
    bounds: dict[str, str | None] = dict.fromkeys(spec.slices)
    for column in sorted({*ours, *spec.slice_bounds}):
        if column not in bounds:
            known = ", ".join(bounds) or "none"
            merge.refuse(f"evaluate.slices.{column}: it is no slice of {problem.title}; these are: {known}")
            continue
        asked, demanded = ours.get(column), spec.slice_bounds.get(column)
        if asked is not None and not asked.startswith(spec.slice_sign):
            merge.refuse(
                f"evaluate.slices.{column}: {asked!r} bounds the wrong side of {spec.metric!r}; write {spec.slice_sign} and a number"
            )
            continue
        own, theirs = (None if bound is None else float(bound[3:]) for bound in (asked, demanded))
        value = merge.need(_Line(f"evaluate.slices.{column}", spec.slice_sign == "<=", None, own, theirs, None))
        bounds[column] = next(bound for bound in (asked, demanded) if bound is not None and float(bound[3:]) == value)
    return bounds if any(bounds.values()) else list(bounds)


def _serve(name: str, default: float, model: ModelSpec, problem: NamedProblem, policy: NamedPolicy) -> _Line[float]:
    value: Callable[[Any], float | None] = lambda document: getattr(document.serve, name)  # noqa: E731
    return _Line(f"serve.{name}", True, default, value(model), value(problem.spec), value(policy.spec))


def _quantize(merge: _Merge, model: ModelSpec) -> Quantization | None:
    if model.serve.quantize is not None:
        merge.documents["serve.quantize"] = MODEL_FILE
    return model.serve.quantize


def _serving_gpus(merge: _Merge, model: ModelSpec, problem: NamedProblem, policy: NamedPolicy) -> int:
    """GPUs of each model server. The other documents say how many there may be at most; only a model asks for one.

    A team that may train on no GPU may hold none by serving either, unless its policy says so.
    """
    asked = model.serve.gpu or 0
    if asked:
        merge.documents["serve.gpu"] = MODEL_FILE
    allowed, line = policy.spec.serve.gpu, "serve.gpu"
    if allowed is None:
        allowed, line = policy.spec.resources.gpu, "resources.gpu"
    for bound, document, where in ((problem.spec.serve.gpu, problem.title, "serve.gpu"), (allowed, policy.title, line)):
        if bound is not None and asked > bound:
            merge.refuse(f"serve.gpu: {asked} is more than {document} allows (line {where}: {bound})")
    return asked


def _review(merge: _Merge, model: ModelSpec, problem: NamedProblem, policy: NamedPolicy) -> ReviewRules:
    demanded, asked = policy.spec.review, problem.spec.release.review.approvers
    approvers = merge.need(
        _Line(
            "release.review.approvers",
            False,
            1,
            model.release.review.approvers,
            asked,
            demanded.approvers,
        )
    )
    merge.documents |= dict.fromkeys(("release.review.self_approval", "release.review.days"), policy.title)
    return ReviewRules(approvers=approvers, self_approval=demanded.self_approval, days=demanded.days)


def _canary(merge: _Merge, model: ModelSpec, problem: NamedProblem, policy: NamedPolicy) -> CanaryRules:
    ours, theirs, demanded = model.release.canary, problem.spec.release.canary, policy.spec.canary

    def line(name: str, lower: bool, default: Any) -> _Line[Any]:
        asked, bound, least = (getattr(document, name) for document in (ours, theirs, demanded))
        return _Line(f"release.canary.{name}", lower, default, asked, bound, least)

    return CanaryRules(
        steps=_steps(merge, model, problem, policy),
        every=merge.need(line("every", False, 60.0)),
        min_requests=merge.need(line("min_requests", False, 50)),
        deadline=ours.deadline or 3600.0,
        max_error_increase=merge.need(line("max_error_increase", True, 0.02)),
        max_latency_ratio=merge.need(line("max_latency_ratio", True, 2.0)),
    )


def _steps(merge: _Merge, model: ModelSpec, problem: NamedProblem, policy: NamedPolicy) -> list[int]:
    steps = model.release.canary.steps
    for name in ("steps", "deadline"):  # only a model may set them
        given = getattr(model.release.canary, name) is not None
        merge.documents[f"release.canary.{name}"] = MODEL_FILE if given else DEFAULT
    first = merge.take(
        _Line(
            "release.canary.first_step",
            True,
            None,
            None if steps is None else steps[0],
            problem.spec.release.canary.first_step,
            policy.spec.canary.first_step,
        )
    )
    if steps is not None:
        return steps
    usual = [5, 25, 50]
    return usual if first is None or first >= usual[0] else [first, *usual]


def _resources(merge: _Merge, model: ModelSpec, policy: NamedPolicy) -> None:
    for name in ("gpu", "hours"):
        asked, allowed = getattr(model.train.resources, name), getattr(policy.spec.resources, name)
        if allowed is not None and asked > allowed:
            merge.refuse(
                f"train.resources.{name}: {_shown(asked)} is more than {policy.title} allows "
                f"(line resources.{name}: {_shown(allowed)})"
            )


def _image(merge: _Merge, model: ModelSpec, policy: NamedPolicy) -> str | None:
    image = model.train.image
    if image is None:
        return None
    if image not in policy.spec.images:
        allowed = ", ".join(policy.spec.images) or "none"
        merge.refuse(f"train.image: {image} is not among the images of {policy.title} (line images: {allowed})")
    merge.documents["train.image"] = MODEL_FILE
    return image


def _shown(value: Any) -> str:
    """A number in full: a bound that is rounded could be refused when it is written as shown."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def lines_of(rules: Rules) -> list[tuple[str, str, str]]:
    """Each rule as its line, its value and the document that it comes from. Pure."""
    judging = rules.judging.model_dump(mode="json", exclude={"guardrails", "slices"})
    values: dict[str, object] = {
        **{f"evaluate.{name}": value for name, value in judging.items()},
        **{f"evaluate.guardrails.{name}": bound for name, bound in rules.judging.guardrails.items()},
        "evaluate.slices": ", ".join(rules.judging.slices),
        **{f"evaluate.slices.{name}": bound for name, bound in rules.judging.slice_bounds.items()},
        "target": rules.target,
        "features": ", ".join(rules.features or ()),
        "split": rules.split.model_dump(mode="json", exclude_defaults=True),
        "serve.max_latency_ms": rules.max_latency_ms,
        "serve.parity_tolerance": rules.parity_tolerance,
        "serve.quantize": rules.quantize,
        "serve.gpu": rules.gpu or None,
        "serve.quantization_loss": rules.quantization_loss if rules.quantize else None,
        **{f"release.review.{name}": value for name, value in rules.review.model_dump().items()},
        **{f"release.canary.{name}": value for name, value in rules.canary.model_dump().items()},
        "submissions.per_day": rules.per_day,
        "train.image": rules.image,
    }
    problem = f"problem {rules.problem}, version {rules.version}"
    return [
        (line, str(value), rules.documents.get(line, problem))
        for line, value in values.items()
        if value not in (None, "", [], {})
    ]
