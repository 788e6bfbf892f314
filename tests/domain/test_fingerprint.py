# ruff: noqa: N802 -- L1 to L28 are the numbers of the adversarial lineage cases

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given

from assay.domain.errors import AppError, InvalidArgument, LimitExceeded, LineageIncomplete
from assay.domain.fingerprint import FIELDS, SCHEME, fingerprint, missing_fields, split_record
from tests.domain.examples import a_lineage, floats, integers, json_values, texts, vectors

VECTORS = vectors("fingerprint")


def digest(**changes: object) -> str:
    """The fingerprint of the example lineage with some fields changed."""
    return fingerprint(a_lineage(**changes)).hex


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_known_lineages_have_their_known_fingerprints(case: dict[str, Any]) -> None:
    """Canonical text and digest equal the published values."""
    found = fingerprint(case["lineage"])

    assert (case["canonical"], case["sha256"]) == (found.canonical, found.hex)
    assert found.scheme == VECTORS["scheme"] == SCHEME
    assert VECTORS["fields"] == list(FIELDS)


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["name"])
def test_the_known_refusals_name_their_field(case: dict[str, Any]) -> None:
    """An absent, null, empty or blank field is refused by name."""
    with pytest.raises(LineageIncomplete) as caught:
        fingerprint(case["lineage"])

    assert caught.value.field == case["names"]
    assert case["names"] in caught.value.message
    assert caught.value.details["missing"] == [case["names"]]


@given(json_values(10), texts(1), integers() | floats())
def test_the_fingerprint_is_the_reference_for_any_value(
    inner: object, text: str, seed: float
) -> None:
    """For any JSON values of the domain our digest is SHA-256 of what Python dumps."""
    record = a_lineage(config={"x": inner, text: 1}, base_model=f"m{text}", seed=seed)
    dumped = json.dumps(record, sort_keys=True, separators=(",", ":"))

    assert fingerprint(record).hex == hashlib.sha256(dumped.encode()).hexdigest()


def test_the_golden_values_hold() -> None:
    """Digests that were computed elsewhere, by the definition alone."""
    golden = {
        digest(): "fe7eb911fb94cec4586006f03fccc49a39eb2d9688a076e9c8b031a06d066164",
        digest(config={"lr": 1e-05, "beta": 0.1, "epochs": 3.0, "name": "dpo-é"}): (
            "1d55247e33406dfd08ff5a64f3902666be2b4ad26ecd3e89b0e791095a490963"
        ),
        digest(seed="42"): "322fb2ab1c37bb4d6aea9ddb53de499a5c580900e61967caad7fa279c1edecb7",
        digest(seed=0, config={}): (
            "4615cbb4baf7906bf6dc9222a4e795031c9fe4f4890cc73b22d7159c45b910c3"
        ),
        digest(config={"\ufb33": 1, "\U0001f600": 2}): (
            "9549b4e57c1374e5cdbfe2a8a1b5db9d4d1da762ea74b74e039e844076fe768f"
        ),
        digest(config={"n": 2**53 + 1, "f": 1e16, "z": -0.0, "d": "\x7f"}): (
            "b39aceb0f9ddbaf41a7cd9e28111ff841f82f07d6ab8939c6034f279d887fe34"
        ),
    }
    assert list(golden.values()) == list(golden)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("nothing", ["absent", None, "", "  ", "\t\n"])
def test_L1_each_field_must_say_something(field: str, nothing: str | None) -> None:
    """Absent, null, empty and blank are all missing, for every field."""
    record = a_lineage(**{field: nothing})
    if nothing == "absent":
        del record[field]

    with pytest.raises(LineageIncomplete) as caught:
        fingerprint(record)

    assert caught.value.field == field


def test_L1_all_missing_fields_are_named_at_once() -> None:
    """One refusal lists everything that is missing, in the fields' order."""
    with pytest.raises(LineageIncomplete) as caught:
        fingerprint({"seed": 1, "config": None, "base_model": " "})

    expected = ["data_version", "code_commit", "config", "base_model"]
    assert caught.value.details["missing"] == expected
    assert all(name in caught.value.message for name in expected)
    assert missing_fields(a_lineage()) == []


def test_L2_seed_zero_is_a_seed() -> None:
    """Zero is present, as an integer and as a float."""
    assert digest(seed=0) != digest(seed=0.0)


@pytest.mark.parametrize("seed", [True, False])
def test_L3_a_bool_is_no_seed(seed: bool) -> None:
    """True would pass for 1 in many parsers, so booleans are refused."""
    with pytest.raises(InvalidArgument, match="seed") as caught:
        digest(seed=seed)
    assert caught.value.field == "seed"


def test_L4_L5_seeds_are_not_coerced() -> None:
    """The number 42, the number 42.0 and the text are three lineages."""
    assert len({digest(seed=42), digest(seed=42.0), digest(seed="42")}) == 3


def test_L6_big_seeds_differ_and_are_flagged() -> None:
    """Seeds beyond 2**53 keep every digit, and the fingerprint says that they are not portable."""
    seeds = [2**53 + 1, 2**53, 2**63, 2**64, 10**30]
    assert len({digest(seed=seed) for seed in seeds}) == len(seeds)
    found = fingerprint(a_lineage(seed=2**63))
    assert not found.portable
    assert any("2**53" in warning for warning in found.warnings)
    assert fingerprint(a_lineage()).portable


def test_L7_an_endless_seed_is_refused() -> None:
    """A seed of 5,000 digits is refused by name."""
    with pytest.raises(InvalidArgument) as caught:
        digest(seed=10**5000)
    assert caught.value.field == "seed"


def test_L8_L9_key_order_does_not_count() -> None:
    """The order of keys is no part of a lineage, at the top and below."""
    shuffled = dict(reversed(a_lineage().items()))
    assert fingerprint(shuffled).hex == digest()
    assert digest(config={"a": {"b": 1, "c": 2}}) == digest(config={"a": {"c": 2, "b": 1}})


def test_L10_list_order_counts() -> None:
    """A list is a sequence."""
    assert digest(config={"a": [1, 2]}) != digest(config={"a": [2, 1]})


def test_L11_spellings_of_one_number_are_one() -> None:
    """1e-5, 0.00001 and 1E-05 are the same double."""
    spellings = ("1e-5", "0.00001", "1E-05")
    assert len({digest(config=json.loads(f'{{"lr": {text}}}')) for text in spellings}) == 1


def test_L12_one_one_point_zero_and_true_differ() -> None:
    """Python calls them equal; a lineage does not."""
    assert len({digest(config={"x": value}) for value in (1, 1.0, True, "1")}) == 4


def test_L13_nearby_doubles_differ() -> None:
    """0.1 + 0.2 is not 0.3."""
    assert digest(config={"x": 0.1 + 0.2}) != digest(config={"x": 0.3})


def test_L14_zeros_differ() -> None:
    """-0.0, 0.0 and 0 are three values."""
    assert len({digest(config={"x": value}) for value in (-0.0, 0.0, 0)}) == 3


def test_L15_extreme_floats_have_python_form() -> None:
    """Where Python and other languages print floats differently, Python's form counts."""
    found = fingerprint(a_lineage(config={"x": [1e16, 1e21, 5e-324, 1.7976931348623157e308]}))
    assert '"x":[1e+16,1e+21,5e-324,1.7976931348623157e+308]' in found.canonical


def test_L18_composed_and_decomposed_letters_differ() -> None:
    """No Unicode normalisation happens."""
    assert digest(base_model="é") != digest(base_model="e\u0301")


def test_L26_the_record_ends_at_one_mebibyte() -> None:
    """A canonical text above 1 MiB is refused."""
    with pytest.raises(LimitExceeded):
        digest(config={"x": "a" * (1 << 20)})


def test_L28_a_sixth_key_is_an_annotation() -> None:
    """Other keys stay outside the digest and are handed back as annotations."""
    record = a_lineage(note="x", host={"gpu": 8})

    fields, annotations = split_record(record)

    assert fingerprint(record).hex == digest()
    assert annotations == {"note": "x", "host": {"gpu": 8}}
    assert set(fields) == set(FIELDS)


def test_annotations_are_checked_like_everything_that_is_kept() -> None:
    """A value outside the JSON domain is refused in an annotation too."""
    with pytest.raises(InvalidArgument) as caught:
        split_record(a_lineage(note=float("inf")))
    assert caught.value.field == "note"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("config", []),
        ("config", "lr=1"),
        ("config", 3),
        ("seed", [1]),
        ("seed", {}),
        ("data_version", 3),
        ("code_commit", ["a"]),
        ("base_model", {"name": "x"}),
        ("data_version", True),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(field: str, value: object) -> None:
    """Nothing is coerced: a text must be a text, a config an object, a seed a number or a text."""
    with pytest.raises(InvalidArgument) as caught:
        digest(**{field: value})
    assert caught.value.field == field


def test_an_empty_config_is_accepted_with_a_warning() -> None:
    """A config that claims nothing is legal, and the registrant is told."""
    found = fingerprint(a_lineage(config={}))
    assert any("config is empty" in warning for warning in found.warnings)
    assert fingerprint(a_lineage()).warnings == ()


def test_a_bad_value_in_config_is_named_by_its_path() -> None:
    """The refusal says where in the config the value stands."""
    with pytest.raises(AppError) as caught:
        digest(config={"optim": {"lr": float("nan")}})
    assert caught.value.field == "config.optim.lr"
