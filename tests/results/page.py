"""docs/results.md, made of docs/results.json. Pure."""

from collections.abc import Iterable, Iterator

from tests.results.records import ExampleResult, ModelResult, Verdict

SHOWN_OTHERS = 4
"""How many further metrics a cell shows; guardrails come first."""


def page(results: Iterable[ExampleResult]) -> str:
    """The whole page."""
    known = list(results)
    return "\n".join([_HEAD, *_summary(known), *(line for item in known for line in _section(item))])


def _summary(results: Iterable[ExampleResult]) -> Iterator[str]:
    yield "| example | kind | metric | the example | what must be beaten | verdict |"
    yield "|---|---|---|---|---|---|"
    for item in results:
        own, rivals = item.models[0], [model for model in item.models[1:] if model.name in item.to_beat]
        beaten = "<br>".join(f"{model.name}: {model.score.in_words()}" for model in rivals)
        verdicts = "<br>".join(_verdict(model) for model in rivals)
        yield (
            f"| [{item.name}](#{item.name}) | {item.kind} | `{item.metric}` | {own.score.in_words()} "
            f"| {beaten} | {verdicts} |"
        )
    yield ""


def _section(item: ExampleResult) -> Iterator[str]:
    yield from ("", f"## {item.name}", "")
    bounds = ", ".join(f"`{name}` {bound}" for name, bound in item.bounds.items()) or "none"
    yield (
        f"[examples/{item.name}](../examples/{item.name}) answers the problem `{item.problem}`: {item.kind} on {item.rows:,} rows. "
        f"Bounds of the problem: {bounds}. Run on {item.date} on {item.cores} cores."
    )
    yield ""
    yield (
        f"| model | `{item.metric}` (95 %) | further metrics | rows trained, held out | training | peak memory "
        "| latency (p99) | the example is |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for place, model in enumerate(item.models):
        trained = f"{model.trained:,}" if model.trained else "–"
        yield (
            f"| {model.name if place else f'**{model.name}**'} | {model.score.in_words()} | {_others(item, model)} "
            f"| {trained}, {model.held_out:,} | {model.seconds:.1f} s | {model.memory / 1e6:,.0f} MB | {model.p99_ms:.2f} ms "
            f"| {_verdict(model) if place else ''} |"
        )
    yield from ("", f"![{item.name}: scores with their intervals](images/results/{item.name}.svg)")
    stopped = [model for model in item.models if model.stopped]
    for model in stopped:
        yield from ("", f"The platform stopped {model.name} before its review: {model.stopped}")


def _verdict(model: ModelResult) -> str:
    words = {Verdict.BETTER: "**better**", Verdict.WORSE: "**worse**"}.get(model.verdict, str(model.verdict))
    return f"{words}, {model.gain.in_words('+')}" if model.gain else words


def _others(item: ExampleResult, model: ModelResult) -> str:
    names = sorted(model.others, key=lambda name: name not in item.bounds)
    return "<br>".join(f"`{name}` {model.others[name].in_words()}" for name in names[:SHOWN_OTHERS]) or "–"


_HEAD = """<!-- Written by `make results` from docs/results.json; do not edit. -->
# The examples beside their baselines

    make results                  # every example on all of its rows
    EXAMPLE=movies make results   # one of them; the others keep their figures

The command starts a platform, puts each dataset whole, and submits the example and its baselines, each of which answers the same
problem. Every figure is read from the evidence that the platform filed for the run; nobody types any. Intervals are 95 %
intervals on the held-out rows ([statistics](statistics.md)). Figures of one example were taken one after the other on one machine,
with nothing promised about what else ran on it.

*The example is* compares the two on the same held-out rows: the baseline is launched, the example is judged beside it as a
challenger is beside a champion, and the interval of the paired difference decides. Above zero is better, whichever way the metric
counts. `make test` runs the same on a sample of the rows (`tests/e2e/test_examples.py`).
"""
