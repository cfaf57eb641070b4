"""Metrics of pictures. SSIM is scikit-image's with Gaussian weights (Wang, Bovik, Sheikh & Simoncelli 2004).

truth, answers: shape (rows, channels, height, width), or whatever shape the model answers for PSNR alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, mean_of
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, answering, finite
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.problem import Judging

FITTING = (OutputKind.IMAGE,)
NEEDS = "image"
MOST_DECIBELS = 100.0
"""The PSNR of a picture without an error."""
_SIGMA, _TRUNCATE, _BORDER = 1.5, 3.5, 5
"""The window of SSIM: 11 pixels, of which 5 lie on each side of the middle."""
_BLOCK = 1 << 22
"""Values that are looked at together."""


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """Pictures as numbers; the target's column holds as many values a row as the model answers, in the same order."""
    output = answering(answers.outputs, FITTING, NEEDS, held.judging)
    target = held.target
    if target.dtype.kind not in "biuf" or target.size != output.values.size:
        raise GateFailedError(
            f"output: a row is {list(output.values.shape[1:])}, and the target's rows are {list(target.shape[1:]) or 'no numbers'}."
        )
    finite(output.values, "pixels")
    peak = held.judging.peak or (255.0 if target.dtype == np.uint8 else 1.0)
    truth = target.reshape(output.values.shape).astype(np.float32)
    return Case(truth, output.values.astype(np.float32), levels=(peak,))


def _blocks(case: Case) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, case.truth[:1].size))
    return (slice(start, start + step) for start in range(0, len(case.truth), step))


def _by_row(case: Case, measure: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    parts = [
        measure(case.truth[rows].astype(np.float64), case.answers[rows].astype(np.float64)) for rows in _blocks(case)
    ]
    return np.concatenate(parts)


def _squared(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    means: np.ndarray = ((truth - answers) ** 2).reshape(len(truth), -1).mean(axis=1)
    return means


def psnr(case: Case) -> Estimate:
    """Mean peak signal-to-noise ratio of the pictures, in decibels; at most 100 for one picture."""
    (peak,) = case.levels
    squares = np.maximum(_by_row(case, _squared), peak**2 / 10 ** (MOST_DECIBELS / 10))
    return mean_of(10 * np.log10(peak**2 / squares))


def ssim(case: Case) -> Estimate:
    """Mean structural similarity of the pictures, of their channels and pixels; 1 for equal ones.

    Pixels nearer to the border than the window reaches do not count, unless the picture is smaller than the window.
    """
    if case.truth.ndim != 4:
        raise GateFailedError(f"output: its shape is {case.truth.shape}; ssim needs (rows, channels, height, width).")
    (peak,) = case.levels
    return mean_of(_by_row(case, lambda truth, answers: _similarity(truth, answers, peak)), low=-1.0, high=1.0)


def _similarity(truth: np.ndarray, answers: np.ndarray, peak: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    def smooth(values: np.ndarray) -> np.ndarray:
        smoothed: np.ndarray = gaussian_filter(values, _SIGMA, truncate=_TRUNCATE, axes=(2, 3))
        return smoothed

    first, second = smooth(truth), smooth(answers)
    variance = smooth(truth * truth) - first * first, smooth(answers * answers) - second * second
    together = smooth(truth * answers) - first * second
    low, high = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    above = (2 * first * second + low) * (2 * together + high)
    values = above / ((first**2 + second**2 + low) * (variance[0] + variance[1] + high))
    if min(values.shape[2:]) > 2 * _BORDER:
        values = values[:, :, _BORDER:-_BORDER, _BORDER:-_BORDER]
    means: np.ndarray = values.reshape(len(values), -1).mean(axis=1)
    return means


METRICS: dict[str, Metric] = {"psnr": psnr, "ssim": ssim}


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name."""
    return METRICS[name]


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own."""
    return list(METRICS) if case.truth.ndim == 4 else ["psnr"]


def errors(case: Case) -> np.ndarray:
    """The mean squared error of each picture."""
    return _by_row(case, _squared)


def constant(case: Case, metric: str) -> Case:
    """The model that answers the mean of all pictures."""
    return replace(case, answers=np.broadcast_to(case.truth.mean(axis=0), case.truth.shape))


IMAGE_TO_IMAGE = JudgedKind(FITTING, NEEDS, read, metric_of, beside, errors, constant)
