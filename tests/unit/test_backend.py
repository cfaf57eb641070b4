"""The one name of a model server: built and parsed in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinsu.gateway.backend import Backend
from jinsu.spec.model import NAME

MODELS = st.from_regex(NAME, fullmatch=True) | st.sampled_from(["a-v", "a-v2", "v", "v1-v1", "x-vy"])
VERSIONS = st.integers(1, 10**6).map(str)


def test_a_backend_is_named_after_its_model_and_its_version() -> None:
    assert Backend("digits", "3").name == "digits-v3"
    assert Backend("digits", "3", "/run/m/x").name == "digits-v3"


@given(MODELS, VERSIONS)
def test_a_backend_parses_its_own_name(model: str, version: str) -> None:
    backend = Backend(model, version)
    assert Backend.parse(backend.name) == backend
    assert backend.at("10.0.0.7:8080") == Backend(model, version, "10.0.0.7:8080")


@pytest.mark.parametrize("name", ["", "digits", "digits-v", "-v3", "v3", "digits-vault", "digits-v3x", "digits-v-3"])
def test_what_names_no_backend_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names no backend"):
        Backend.parse(name)
