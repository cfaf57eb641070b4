"""The first lines that `jinsu review show` prints about a candidate."""

from jinsu.api.models.reviews import ReviewPage
from jinsu.cli.reviewing import headline


def page(**changed: object) -> ReviewPage:
    """A review of a model with a score of 0.5, on 8 held-out rows."""
    told: dict[str, object] = {
        "run": "toy-1", "model": "toy", "version": "2", "team": "ads", "submitter": "ann", "state": "open", "stands": "",
        "standing": "", "asked": 0.0, "due": None, "needed": 1, "opinions": [], "metric": "accuracy", "value": 0.5,
        "low": 0.2, "high": 0.8, "rows": 8, "gain": None, "p99_ms": 1.0, "looks": 2, "champion": None, "champion_run": None,
        "differences": [], "rules": [], "may": [], "links": {},
    }  # fmt: skip
    return ReviewPage.model_validate(told | changed)


def test_the_score_stands_with_its_interval() -> None:
    assert "  accuracy 0.5000 (0.2000 to 0.8000 at 95 %) on 8 held-out rows" in list(headline(page()))


def test_a_score_without_an_interval_says_so() -> None:
    lines = list(headline(page(low=None, high=None)))
    assert "  accuracy 0.5000 (not enough rows for an interval) on 8 held-out rows" in lines


def test_a_model_of_no_use_is_named() -> None:
    lines = list(headline(page(warnings=["the model answers every row alike, '0'"])))
    assert "  look twice: the model answers every row alike, '0'" in lines
