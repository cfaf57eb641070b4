"""Where the DAGs and the examples are: in a wheel, in a checkout, in an image."""

from pathlib import Path

import pytest

from jinsu import resources
from jinsu.errors import NotFoundError

ROOT = Path(__file__).parents[2]


def test_a_checkout_has_them_beside_the_code() -> None:
    assert resources.dags() == ROOT / "dags"
    assert (resources.examples() / "digits" / "model.yaml").is_file()
    assert resources.checkout() == ROOT


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in a folder of site packages, in which another package has folders of the same names."""
    package = tmp_path / "site-packages" / "jinsu"
    for folder in (package, tmp_path / "dags", tmp_path / "examples"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    monkeypatch.setattr(resources, "_SHARE", package / "share")
    monkeypatch.setattr(resources, "_ROOT", tmp_path)
    return package


def test_a_wheel_carries_its_own(installed: Path) -> None:
    (installed / "share" / "dags").mkdir(parents=True)
    (installed / "share" / "examples").mkdir()
    assert resources.dags() == installed / "share" / "dags"
    assert resources.examples() == installed / "share" / "examples"
    assert resources.checkout() is None


def test_an_image_has_them_beside_its_source_and_is_no_checkout(installed: Path, tmp_path: Path) -> None:
    assert resources.dags() == tmp_path / "dags"
    assert resources.checkout() is None


def test_a_copy_without_them_says_what_to_do(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "dags").rmdir()
    with pytest.raises(NotFoundError, match=r"share/dags: there is no such folder; install Jinsu anew"):
        resources.dags()
