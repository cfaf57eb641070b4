"""The trigger form of Airflow: which fields it has, and what their values mean."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinsu.errors import BadInputError
from jinsu.orchestration import form
from jinsu.orchestration.form import Choices, Code, Field
from jinsu.runs.catalog import CodeVersion, Known, Offer
from jinsu.spec.model import ModelSpec, Resources, Train
from jinsu.spec.quantities import parse_bytes

NEW, OLD, DIGITS = ("3fa1c2d4" * 8, "00c0ffee" * 8, "d1d1d1d1" * 8)
TITLES_NOW = Code(
    "titles", "categories", NEW, "mira", 1764000000.0, {"epochs": 5, "lr": 0.001, "augment": True, "opt": "adam"}
)
TITLES_BEFORE = Code("titles", "categories", OLD, "rita", 1763000000.0, {"epochs": 3, "lr": 0.01, "augment": True})
DIGITS_CODE = Code("digits", "digits", DIGITS, "mira", 1762000000.0, {"C": 1.0, "epochs": 2})
OFFERED = Choices(("categories", "digits"), (TITLES_NOW, TITLES_BEFORE, DIGITS_CODE))


def fields_of(offered: Choices) -> dict[str, Field]:
    return {field.name: field for field in form.fields(offered)}


def values(**changed: Any) -> dict[str, Any]:
    """What the form sends when nothing but these fields was touched. A dot in a name is written as two underscores."""
    changes = {name.replace("__", "."): value for name, value in changed.items()}
    return {**{field.name: field.value for field in form.fields(OFFERED)}, **changes}


def test_code_is_chosen_by_whose_and_when() -> None:
    code = fields_of(OFFERED)["code"]
    assert code.value is None, "who presses the button without choosing must not start a training"
    assert code.schema["enum"] == [NEW, OLD, DIGITS, None]
    assert code.schema["values_display"] == {
        NEW: "titles · mira · 24 Nov 16:00 · 3fa1c2d4",
        OLD: "titles · rita · 13 Nov 02:13 · 00c0ffee",
        DIGITS: "digits · mira · 01 Nov 12:26 · d1d1d1d1",
        "None": "(choose one)",
    }


def test_each_parameter_of_each_models_latest_code_has_a_typed_field() -> None:
    found = {
        name: (field.value, field.schema["type"][0], field.schema["section"])
        for name, field in fields_of(OFFERED).items()
        if "." in name
    }
    assert found == {
        "titles.epochs": (5, "integer", "Parameters of titles"),
        "titles.lr": (0.001, "number", "Parameters of titles"),
        "titles.augment": (True, "boolean", "Parameters of titles"),
        "titles.opt": ("adam", "string", "Parameters of titles"),
        "digits.C": (1.0, "number", "Parameters of digits"),
        "digits.epochs": (2, "integer", "Parameters of digits"),
    }


def test_every_field_explains_itself_and_holds_a_valid_value() -> None:
    for field in form.fields(OFFERED):
        assert field.description, field.name
        assert field.schema["title"], field.name
        jsonschema.validate(field.value, field.schema)
        jsonschema.validate(None, field.schema)  # whoever empties a field asks for the value in model.yaml


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("code", "no such code"),
        ("problem", "no-such-problem"),
        ("gpu", -1),
        ("gpu", 1.5),
        ("gpu", 17),
        ("gpu", "1"),
        ("memory", "much"),
        ("memory", "4 GB"),
        ("memory", "-4Gi"),
        ("priority", "highest"),
        ("titles.epochs", 1.5),
        ("titles.epochs", "5"),
        ("titles.lr", "small"),
        ("titles.augment", 1),
        ("titles.opt", 3),
        ("submission", "x" * 41),
    ],
)
def test_a_value_of_another_type_is_refused_by_the_form(name: str, wrong: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, fields_of(OFFERED)[name].schema)


@pytest.mark.parametrize("amount", ["512Mi", "4Gi", "1.5Gi", "2G"])
def test_amounts_of_memory_that_the_form_takes_are_those_of_the_spec(amount: str) -> None:
    jsonschema.validate(amount, fields_of(OFFERED)["memory"].schema)
    assert parse_bytes(amount)


def test_the_form_takes_what_the_spec_takes() -> None:
    """A bound of the form that the spec has not would refuse good values, and the other way round."""
    gpu = next(item for item in Resources.model_fields["gpu"].metadata if hasattr(item, "le"))
    assert fields_of(OFFERED)["gpu"].schema["maximum"] == gpu.le
    assert set(fields_of(OFFERED)["priority"].schema["enum"]) - {None} == set(
        Train.model_fields["priority"].annotation.__args__  # type: ignore[union-attr]
    )


# --- What the values mean ---


def test_a_form_that_was_left_as_it_is_changes_nothing() -> None:
    for code in OFFERED.codes:
        assert form.filled(values(code=code.digest), OFFERED) == form.Filled(code.digest, "", {})


def test_what_was_changed_overrides_the_code() -> None:
    sent = values(
        code=NEW, problem="digits", gpu=2, memory="4Gi", priority="high", titles__lr=0.1, titles__augment=False
    )
    assert form.filled(sent, OFFERED) == form.Filled(
        NEW,
        "digits",
        {
            "train.resources.gpu": 2,
            "train.resources.memory": "4Gi",
            "train.priority": "high",
            "train.params.lr": 0.1,
            "train.params.augment": False,
        },
    )


def test_every_override_is_a_part_of_model_yaml() -> None:
    sent = values(code=NEW, gpu=2, memory="4Gi", priority="high", titles__lr=0.1)
    document: dict[str, Any] = {"name": "titles", "problem": "categories", "train": {"command": "python train.py"}}
    for path, value in form.filled(sent, OFFERED).overrides.items():
        *sections, name = path.split(".")
        part = document
        for section in sections:
            part = part.setdefault(section, {})
        part[name] = value
    assert ModelSpec.model_validate(document).train.resources.memory == 4 * 2**30


def test_zero_and_false_are_values() -> None:
    overrides = form.filled(values(code=NEW, gpu=0, titles__augment=False, titles__epochs=0), OFFERED).overrides
    assert overrides == {"train.resources.gpu": 0, "train.params.augment": False, "train.params.epochs": 0}


def test_an_emptied_field_asks_for_the_codes_value() -> None:
    assert form.filled(values(code=NEW, titles__lr=None, memory=None, problem=None), OFFERED).overrides == {}


def test_older_code_keeps_its_own_values() -> None:
    """The form shows those of the latest code; only what a person changed replaces the older code's."""
    assert form.filled(values(code=OLD, titles__lr=0.5), OFFERED).overrides == {"train.params.lr": 0.5}
    assert form.filled(values(code=OLD, titles__lr=0.01), OFFERED).overrides == {}


def test_newer_code_that_came_while_the_form_was_open_changes_nothing() -> None:
    """The form showed the values of the code that was the latest then."""
    newer = Code("digits", "digits", "e" * 64, "omar", 1764000001.0, {"C": 9.0})
    since = Choices(OFFERED.problems, (newer, *OFFERED.codes))
    assert form.filled(values(code=DIGITS), since).overrides == {}
    assert form.filled(values(code=NEW), since).overrides == {}


def test_parameters_of_another_model_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"digits\.C: this changes model digits, but .* is of model titles"):
        form.filled(values(code=NEW, digits__C=0.5), OFFERED)


@pytest.mark.parametrize("code", [None, "", "a" * 64])
def test_without_code_nothing_starts(code: str | None) -> None:
    with pytest.raises(BadInputError, match=r"code: choose the version.*models of this team: digits, titles"):
        form.filled(values(code=code), OFFERED)
    with pytest.raises(BadInputError, match="none yet; submit one: jinsu submit FOLDER"):
        form.filled({}, Choices())


@given(
    st.dictionaries(st.sampled_from([*values()]), st.none() | st.booleans() | st.integers() | st.floats() | st.text())
)
def test_whatever_was_filled_in_overrides_only_the_training(sent: dict[str, Any]) -> None:
    try:
        overrides = form.filled({**values(code=NEW), **sent}, OFFERED).overrides
    except BadInputError:
        return
    assert all(path.startswith("train.") for path in overrides)


# --- The catalog ---


def test_each_team_has_its_own_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "teams": {"shopping": {"problems": ["categories", "digits"], "codes": [asdict(item) for item in OFFERED.codes]}}
    }
    (tmp_path / "catalog.json").write_text(json.dumps(document))
    monkeypatch.setenv("JINSU_HOME", str(tmp_path))
    assert form.read() == {"default": Choices(), "shopping": OFFERED}

    (tmp_path / "elsewhere.json").write_text("{}")
    monkeypatch.setenv("JINSU_CATALOG", str(tmp_path / "elsewhere.json"))
    assert form.read() == {"default": Choices()}


def test_an_installation_without_a_catalog_has_the_first_team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINSU_HOME", str(tmp_path))
    monkeypatch.delenv("JINSU_CATALOG", raising=False)
    assert form.read() == {"default": Choices()}
    (tmp_path / "catalog.json").write_text(json.dumps({"models": {"digits": "c0de"}, "datasets": ["digits"]}))
    assert form.read() == {"default": Choices()}, "the catalog of version 0.1"


def test_a_form_stays_of_a_size_that_a_page_can_hold() -> None:
    many = [Code(f"m{n % 40}", "p", f"{n:064x}", "mira", 1000.0 - n, {"lr": 0.1}) for n in range(400)]
    offered = form.choices({"teams": {"default": {"problems": [], "codes": [asdict(item) for item in many]}}})[
        "default"
    ]
    assert offered.codes == tuple(many[:100])
    assert len([name for name in fields_of(offered) if "." in name]) == 12


def test_the_form_offers_what_the_catalog_says_that_a_team_may_run() -> None:
    """Examples too, while nobody has submitted a model of their name."""
    own = [CodeVersion(**asdict(code)) for code in (TITLES_NOW, TITLES_BEFORE)]
    taken, free = (
        CodeVersion(name, name, digit * 64, "jinsu", 0.0, {"lr": 0.1})
        for name, digit in (("titles", "e"), ("tips", "f"))
    )
    known = Known({"shopping": Offer(("categories",), own), "search": Offer()}, (taken, free))
    offered = form.choices(json.loads(json.dumps(asdict(known))))

    assert set(offered) == {"default", "shopping", "search"}
    for team, found in offered.items():
        assert [asdict(code) for code in found.codes] == [asdict(code) for code in known.codes(team)]
    assert [code.model for code in offered["search"].codes] == ["tips"]


def test_code_that_was_submitted_twice_is_one_choice() -> None:
    again = {**asdict(TITLES_NOW), "by": "rita", "at": 1.0}
    offered = form.choices({"teams": {"default": {"codes": [asdict(TITLES_NOW), again]}}})["default"]
    assert offered.codes == (TITLES_NOW,)
