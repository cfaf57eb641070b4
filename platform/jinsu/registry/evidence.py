"""The evidence page: all that a reviewer needs to judge a candidate without reading code. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from html import escape

from jinsu.data.validation import Validation
from jinsu.evaluation.audit import ShownRow
from jinsu.evaluation.report import Report
from jinsu.evaluation.score import Score
from jinsu.registry.facts import Facts
from jinsu.registry.pictures import confusion_matrix, interval_bar, learning_curve, reliability_diagram
from jinsu.spec.quantities import format_bytes

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#24292f;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{margin:0 0 .2rem}h2{margin:2rem 0 .5rem;border-bottom:1px solid #d0d7de}table{border-collapse:collapse;width:100%}
td,th{padding:.3rem .6rem;border-bottom:1px solid #eaeef2;text-align:left;vertical-align:top}th{color:#57606a;font-weight:600}
.number{text-align:right;font-variant-numeric:tabular-nums}.good{color:#1a7f37}.bad{color:#d1242f}
.big{font-size:2rem;font-weight:600}.quiet{color:#57606a}svg text{font:12px system-ui,sans-serif;fill:#57606a}
.picture{width:64px;image-rendering:pixelated}pre{margin:0;white-space:pre-wrap;font-size:13px}
code{background:#f6f8fa;padding:.1rem .3rem;border-radius:.3rem;word-break:break-all}
"""


def evidence_page(facts: Facts) -> str:
    """One self-contained HTML page from the collected facts. Every value from outside is escaped."""
    parts = [
        _headline(facts),
        *evaluation_parts(facts.evaluation, facts.champion),
        _original(facts),
        _code(facts),
        "<h2>Learning curve</h2>" + learning_curve(facts.curve),
        _differences(facts),
        _rules(facts),
        _package(facts),
        _validation(facts.validation),
        _lineage(facts),
    ]
    title = escape(f"{facts.model}: evidence of run {facts.submission}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<body>{''.join(parts)}</body></html>"
    )


def evaluation_parts(report: Report, champion: str | None) -> list[str]:
    """What the evaluation found, one part of the page each. champion: the version that the candidate was compared with."""
    return [
        _champion(report, champion),
        _scores(report),
        _slices(report),
        "<h2>Confusion matrix</h2>" + confusion_matrix(report.confusion, report.labels) if report.confusion else "",
        _calibration(report),
        _changes(report),
        _worst(report),
    ]


def _headline(facts: Facts) -> str:
    report, overall = facts.evaluation, facts.evaluation.overall
    who = f"submitted by {escape(facts.submitter)} of team {escape(facts.team)}"
    return (
        f"<h1>{escape(facts.model)}</h1><p class=quiet>run {escape(facts.submission)}, {who}; "
        f"{facts.looks} runs were scored on these held-out rows so far</p>"
        f"<p><span class=big>{escape(report.metric)} {overall.value:.4f}</span> "
        f"<span class=quiet>{_interval(overall)}, on {overall.rows} rows that "
        "training never saw; measured on the packaged model, the one that will serve</span></p>"
        + "".join(f"<p class=bad>Look twice: {escape(warning)}.</p>" for warning in report.warnings)
    )


def _original(facts: Facts) -> str:
    report, original = facts.evaluation, facts.evaluation.original
    if original is None:
        return ""
    gain = original.gain
    return (
        f"<h2>Quantised</h2><p>Its weights have eight bits. Before, {escape(report.metric)} was {original.score.value:.4f} on "
        f"the same rows; the quantised model differs by {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}), a loss of "
        f"{original.allowed:.4f} is allowed.</p>"
    )


def _interval(score: Score) -> str:
    if not score.certain:
        return f"not enough rows for an interval: it {escape(score.note or 'has none')}"
    return f"95 % interval {score.low:.4f} to {score.high:.4f}"


def _code(facts: Facts) -> str:
    if not facts.code:
        return ""
    return (
        f"<h2>Python model</h2><p>The server runs <code>{escape(facts.code)}</code> and the code beside it in place of an ONNX "
        "file, in a process without network, programs or files of others. What the code answers to requests of another kind than "
        "the held-out rows, nobody has checked: read it before you approve.</p>"
    )


def _champion(report: Report, version: str | None) -> str:
    champion, gain = report.champion, report.gain
    if champion is None or gain is None:
        reason = report.note or "There is no champion yet: this would be the first."
        return f"<h2>Against the champion</h2><p>{escape(reason)}</p>"
    if not gain.certain:
        return (
            f"<h2>Against the champion</h2><p>Version {escape(str(version))} scores {champion.value:.4f} on the same "
            f"rows. The candidate differs by {gain.value:+.4f}; {_interval(gain)}.</p>"
        )
    colour = "good" if gain.low > 0 else "bad" if gain.high < 0 else ""
    finding = {"good": "certainly better", "bad": "certainly worse", "": "not distinguishable from it"}[colour]
    return (
        f"<h2>Against the champion</h2><p>Version {escape(str(version))} scores "
        f"{champion.value:.4f} on the same rows. The candidate differs by <b class={colour or 'quiet'}>"
        f"{gain.value:+.4f}</b> ({gain.low:+.4f} to {gain.high:+.4f}): {finding} at 95 %.{_known(report)}</p>"
    )


def _differences(facts: Facts) -> str:
    if facts.champion is None:
        return ""
    title = f"<h2>What differs from champion {escape(facts.champion)}</h2>"
    if not facts.differences:
        return title + "<p>Nothing in spec, rules, code, data or environment.</p>"
    rows = "".join(
        f"<tr><td>{escape(aspect)}<td><code>{escape(what)}</code><td>{escape(before)}<td><pre>{escape(after)}</pre>"
        for aspect, what, before, after in facts.differences
    )
    return f"{title}<table><tr><th>in<th>what<th>champion<th>candidate{rows}</table>"


def _rules(facts: Facts) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(line)}</code><td>{escape(value)}<td>{escape(document)}"
        for line, value, document in facts.rules
    )
    return f"<h2>Rules that applied</h2><table><tr><th>rule<th>value<th>from{rows}</table>"


def _scores(report: Report) -> str:
    rows = {report.metric: report.overall, **report.others}
    folded = f"<p>{report.folded:.1%} of the rows are in the model's other class.</p>" if report.folded else ""
    return "<h2>Scores</h2>" + _score_table("metric", rows) + folded


def _score_table(heading: str, rows: Mapping[str, Score]) -> str:
    certain = [score for score in rows.values() if score.certain]
    floor = min((score.low for score in certain), default=0.0)
    ceiling = max((score.high for score in certain), default=0.0)
    body = "".join(
        f"<tr><td>{escape(name)}<td class=number>{score.value:.4f}{_ends(score, floor, ceiling)}"
        for name, score in rows.items()
    )
    return f"<table><tr><th>{heading}<th class=number>value<th class=number>low<th class=number>high<th class=number>rows<th>{body}</table>"


def _ends(score: Score, floor: float, ceiling: float) -> str:
    if not score.certain:
        return f"<td><td><td class=number>{score.rows}<td class=quiet>{escape(score.note or 'no interval')}"
    return (
        f"<td class=number>{score.low:.4f}<td class=number>{score.high:.4f}<td class=number>{score.rows}"
        f"<td>{interval_bar(score.value, score.low, score.high, floor, ceiling)}"
    )


def _slices(report: Report) -> str:
    return "".join(
        f"<h2>{escape(report.metric)} by {escape(column)}</h2>" + _score_table(escape(column), rows)
        for column, rows in report.slices.items()
    )


def _known(report: Report) -> str:
    """How many rows were left out of the comparison, or what is not known of them."""
    if report.known_rows:
        return (
            f" {report.known_rows} held-out rows are not compared: they are among those that the champion trained on, in an "
            "earlier version of the dataset."
        )
    return f" Note: {escape(report.note)}." if report.note else ""


def _calibration(report: Report) -> str:
    if not report.audit.calibration:
        return ""
    return (
        "<h2>Calibration</h2><p>How often the model is right, among rows of which it is as sure. On the line, a model is right "
        "as often as it says.</p>" + reliability_diagram(report.audit.calibration)
    )


def _changes(report: Report) -> str:
    found = report.audit
    if report.champion is None or not (found.better or found.worse or found.same):
        return ""
    counts = (
        f"{found.better} rows are better than the champion's, {found.worse} are worse and {found.same} are the same."
    )
    rows = _rows(found.lost, champion=True) if found.lost else ""
    return f"<h2>What changed row by row</h2><p>{counts}{' The rows that became worse:' if rows else ''}</p>{rows}"


def _worst(report: Report) -> str:
    if not report.audit.worst:
        return ""
    return "<h2>The worst rows</h2>" + _rows(report.audit.worst, champion=report.champion is not None)


def _rows(rows: Sequence[ShownRow], champion: bool) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in [*row.pictures, *row.values]))
    theirs = "<th>champion" if champion else ""
    head = "".join(f"<th>{escape(name)}" for name in columns)
    body = "".join(
        f"<tr><td class=number>{row.row}<td>{escape(row.truth)}<td>{escape(row.answer)}"
        + (f"<td>{escape(row.champion)}" if champion else "")
        + "".join(f"<td>{_cell(row, name)}" for name in columns)
        + f"<td class=number>{row.error:.4g}"
        for row in rows
    )
    return f"<table><tr><th class=number>row<th>truth<th>answer{theirs}{head}<th class=number>error{body}</table>"


def _cell(row: ShownRow, name: str) -> str:
    address = row.pictures.get(name, "")
    if address.startswith("data:image/png;base64,"):
        return f'<img class=picture src="{escape(address)}" alt="{escape(name)} of row {row.row}">'
    return escape(row.values.get(name, ""))


def _package(facts: Facts) -> str:
    parity, latency, training = facts.parity, facts.latency, facts.training
    return "<h2>Package</h2>" + _table(
        [
            (
                "difference to the original",
                f"{parity.largest_relative:.2e} at most, on {parity.rows} rows; tolerance {parity.tolerance:g}",
            ),
            ("effect of batching", f"{parity.largest_batch_effect:.2e} at most"),
            (
                "one prediction",
                f"{latency.p50_ms:g} ms median, {latency.p99_ms:g} ms at the 99th percentile; budget {latency.budget_ms:g} ms",
            ),
            ("computed by", latency.provider or "the model's own code"),
            (
                "training",
                f"{training.seconds:.1f} s, {format_bytes(training.peak_memory)} of memory at most, {facts.trials} trial(s)",
            ),
        ]
    )


def _validation(verdict: Validation) -> str:
    rows = "".join(
        f"<tr><td class={'good' if check.passed else 'bad'}>{'passed' if check.passed else 'failed'}"
        f"<td>{escape(check.expectation)}<td>{escape(check.detail)}"
        for check in verdict.checks
    )
    return (
        f"<h2>Data</h2><p>{verdict.rows} rows, {verdict.train_rows} to train and {verdict.eval_rows} "
        f"held out{_repeated(verdict)}. {len(verdict.checks)} expectations:</p><table>{rows}</table>"
    )


def _repeated(verdict: Validation) -> str:
    return f" (the features of {verdict.repeated:.1%} of them stand in training rows too)" if verdict.repeated else ""


def _lineage(facts: Facts) -> str:
    spec = escape(json.dumps(dict(facts.spec), indent=1))
    rows = [(name, f"<code>{escape(str(value))}</code>") for name, value in asdict(facts.lineage).items() if value]
    return (
        "<h2>Where it comes from</h2>"
        + _table(rows, escaped=True)
        + f"<details><summary>The spec</summary><pre>{spec}</pre></details>"
    )


def _table(rows: Iterable[tuple[str, str]], escaped: bool = False) -> str:
    cells = "".join(f"<tr><th>{escape(name)}<td>{text if escaped else escape(text)}" for name, text in rows)
    return f"<table>{cells}</table>"
