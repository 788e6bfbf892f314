from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument, LineageIncomplete
from assay.domain.fingerprint import fingerprint
from assay.domain.lineage import (
    DEFAULT_MAPPING,
    DatasetRef,
    Lineage,
    LineageMapping,
    from_tracking,
    mapping_from_record,
    param_text,
    python_value,
)
from tests.domain.examples import floats, integers, texts

COMMIT = "a1b2c3d4"
PARAMS = {"base": "Qwen/Qwen3-8B", "dataset_version": "sft-v3", "seed": "0", "lr": "2e-05"}
TAGS = {"mlflow.source.git.commit": COMMIT}

scalars = st.none() | st.booleans() | integers() | floats() | texts()
config_keys = texts(1, 30).filter(
    lambda key: key not in {"seed", "base", "base_model", "model_name_or_path", "_name_or_path",
                            "dataset_version", "data_version", "code_commit"}
)  # fmt: skip


@given(
    st.dictionaries(config_keys, scalars, max_size=8),
    integers() | floats(),
    st.sampled_from(["base", "base_model", "model_name_or_path", "_name_or_path"]),
    st.sampled_from(["dataset_version", "data_version"]),
)
@example({"lr": 1e-05, "lora_r": 16, "bf16": True, "warmup": None, "name": "x"}, 42, "base",
         "dataset_version")  # fmt: skip
def test_text_and_typed_values_have_one_fingerprint(
    config: dict[str, Any], seed: float, base: str, data: str
) -> None:
    """A training logged as text and the same training stated as typed values are one lineage.

    Texts that look like a number are left out: text alone cannot tell "3" from 3.
    """
    assume(all(python_value(v) == v for v in config.values() if isinstance(v, str)))
    typed = {**config, base: "Qwen/Qwen3-8B", data: "sft-v3", "seed": seed}
    logged = {key: str(value) for key, value in typed.items()}

    drafted = from_tracking(logged, TAGS).fingerprint()

    stated = Lineage("sft-v3", COMMIT, config, "Qwen/Qwen3-8B", seed)
    assert stated.fingerprint() == drafted


@given(integers() | floats() | st.booleans() | st.none())
def test_what_python_prints_is_read_back(value: Any) -> None:
    """A number, a bool and None survive being logged as text, type included."""
    read = python_value(param_text(value))
    assert (type(value), repr(value)) == (type(read), repr(read))


@given(st.text() | st.from_regex(r"[-+0-9.eE_]{1,12}", fullmatch=True))
def test_a_text_is_read_as_a_value_only_when_python_prints_it_so(text: str) -> None:
    """Reading a text and printing it again never changes a character."""
    assert str(python_value(text)) == text


@pytest.mark.parametrize(
    "text",
    ["0.00001", "1e-5", "1E5", "+1", "01", "1_000", "1.", ".5", "-0", "nan", "inf", "-inf", "true",
     "none", " 1", "1 ", "", "٣", "0x10", "1e400", "9" * 65],
)  # fmt: skip
def test_other_spellings_stay_text(text: str) -> None:
    """Only the exact form that Python prints is a value."""
    assert python_value(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-05", 1e-05), ("16", 16), ("-3", -3), ("1.0", 1.0), ("-0.0", -0.0), ("1e+16", 1e16),
     ("True", True), ("False", False), ("None", None), ("9" * 64, 10**64 - 1)],
)  # fmt: skip
def test_printed_values_are_values(text: str, value: Any) -> None:
    """The usual values of a training config come back typed."""
    assert repr(python_value(text)) == repr(value)


def test_the_default_mapping_finds_every_field() -> None:
    """What clients log anyway is enough, and every field says where it came from."""
    draft = from_tracking({**PARAMS, "bf16": "True", "lora_r": "16"}, TAGS)

    assert draft.missing == []
    assert draft.fields == {
        "data_version": "sft-v3",
        "code_commit": COMMIT,
        "base_model": "Qwen/Qwen3-8B",
        "seed": 0,
        "config": {"lr": 2e-05, "bf16": True, "lora_r": 16},
    }
    assert draft.origins == {
        "data_version": "param dataset_version",
        "code_commit": "tag mlflow.source.git.commit",
        "base_model": "param base",
        "seed": "param seed",
        "config": "remaining params",
    }


def test_nothing_logged_lists_what_is_missing() -> None:
    """Config is what remains, so it is never missing; the other four are named."""
    draft = from_tracking({}, {})
    assert draft.missing == ["data_version", "code_commit", "base_model", "seed"]
    with pytest.raises(LineageIncomplete) as caught:
        draft.fingerprint()
    assert caught.value.details["missing"] == draft.missing


def test_the_first_param_that_says_something_wins() -> None:
    """An empty param and a logged None are passed over, and leave no trace in the config."""
    params = {"base": "", "base_model": "None", "model_name_or_path": "Qwen"}
    draft = from_tracking(params, {})
    assert draft.fields["base_model"] == "Qwen"
    assert draft.origins["base_model"] == "param model_name_or_path"
    assert draft.fields["config"] == {}


def test_a_second_param_that_says_something_else_stays_in_config() -> None:
    """A repeated value is left out of the config; a different one is information and stays."""
    same = from_tracking({"base": "Qwen", "_name_or_path": "Qwen"}, {})
    other = from_tracking({"base": "Qwen", "_name_or_path": "/models/local"}, {})
    assert same.fields["config"] == {}
    assert other.fields["config"] == {"_name_or_path": "/models/local"}


def test_texts_stay_texts_where_a_field_is_a_text() -> None:
    """A commit or a version made of digits is not read as a number."""
    draft = from_tracking({"code_commit": "1234567", "dataset_version": "2024", "base": "7"}, {})
    fields = draft.fields
    assert (fields["code_commit"], fields["data_version"], fields["base_model"]) == (
        "1234567",
        "2024",
        "7",
    )


def test_the_commit_that_the_client_found_comes_first() -> None:
    """Tag of the client, then the param, then the tag of the user."""
    params, tags = {"code_commit": "param"}, {"code_commit": "tag"}
    assert from_tracking(params, {**tags, **TAGS}).fields["code_commit"] == COMMIT
    assert from_tracking(params, tags).fields["code_commit"] == "param"
    assert from_tracking({}, tags).fields["code_commit"] == "tag"


def test_dataset_inputs_stand_in_for_a_missing_data_version() -> None:
    """Digests in order, each once; a param wins over them; an input without digest says nothing."""
    inputs = [DatasetRef("b", "d2"), DatasetRef("a", "d1"), DatasetRef("c", "d2")]
    draft = from_tracking({}, {}, inputs)
    assert draft.fields["data_version"] == "d1,d2"
    assert draft.origins["data_version"] == "dataset inputs a@d1, b@d2, c@d2"
    assert from_tracking({}, {}, reversed(inputs)).fields == draft.fields  # type: ignore[arg-type]
    assert from_tracking(PARAMS, {}, inputs).fields["data_version"] == "sft-v3"
    assert "data_version" in from_tracking({}, {}, [DatasetRef("a", "")]).missing
    assert from_tracking({}, {}, [DatasetRef("a", "d9")]).fields["data_version"] == "d9"


def test_explicit_tags_win_over_the_mapping() -> None:
    """A tag `assay.lineage.<field>` states the field; the param that it replaces stays visible."""
    draft = from_tracking(
        PARAMS, {**TAGS, "assay.lineage.data_version": "dvc:md5:1", "assay.lineage.seed": "7"}
    )
    assert draft.fields["data_version"] == "dvc:md5:1"
    assert draft.origins["data_version"] == "tag assay.lineage.data_version"
    assert draft.fields["seed"] == 7
    assert draft.fields["config"] == {"lr": 2e-05, "dataset_version": "sft-v3", "seed": 0}


@pytest.mark.parametrize(
    ("text", "seed"),
    [("7", 7), ('"7"', "7"), ("7.0", 7.0), ("1E2", 100.0), ("run-7", "run-7"), ("[1]", "[1]"),
     ("True", True), ("None", None)],
)  # fmt: skip
def test_the_seed_tag_is_json_where_it_is_a_scalar_of_json(text: str, seed: object) -> None:
    """Quotes make a text of a number; what is not JSON is read as Python prints it."""
    draft = from_tracking(PARAMS, {**TAGS, "assay.lineage.seed": text})
    assert repr(draft.fields["seed"]) == repr(seed)


def test_the_config_tag_is_a_json_object() -> None:
    """A config stated as JSON keeps its types and is the whole config."""
    stated = {**TAGS, "assay.lineage.config": '{"rank": "3", "nested": {"a": [1]}}'}
    assert from_tracking(PARAMS, stated).fields["config"] == {"rank": "3", "nested": {"a": [1]}}


@pytest.mark.parametrize("text", ["[]", "3", "lr=1", '{"a": NaN}', '{"a": 1, "a": 2}'])
def test_a_config_tag_that_is_no_strict_object_is_refused(text: str) -> None:
    """Falling back to the params would hide the mistake."""
    with pytest.raises(InvalidArgument):
        from_tracking(PARAMS, {**TAGS, "assay.lineage.config": text})


def test_an_empty_explicit_tag_is_missing() -> None:
    """Who states nothing outright has stated nothing; the mapping does not step in."""
    draft = from_tracking(PARAMS, {**TAGS, "assay.lineage.data_version": ""})
    assert draft.missing == ["data_version"]


def test_stated_lineage_wins_over_tags() -> None:
    """What the client's code states comes first, and its annotations travel along."""
    stated = Lineage(data_version="v9", seed=1, annotations={"host": "h1", "seed": 5})
    draft = from_tracking(PARAMS, {**TAGS, "assay.lineage.seed": "7"}, stated=stated)
    assert draft.fields["seed"] == 1
    assert draft.fields["data_version"] == "v9"
    assert draft.origins["seed"] == "stated"
    assert draft.annotations == {"host": "h1"}
    assert draft.record()["host"] == "h1"


def test_uncommitted_changes_are_annotations() -> None:
    """A dirty tree is recorded with the digest of its difference, outside the fingerprint."""
    dirty = {**TAGS, "mlflow.source.git.dirty": "true", "mlflow.source.git.diff": "+x"}
    draft = from_tracking(PARAMS, dirty)
    assert draft.annotations["code_dirty"] is True
    assert len(str(draft.annotations["code_diff_sha256"])) == 64
    assert draft.fingerprint() == from_tracking(PARAMS, TAGS).fingerprint()


def test_a_mapping_can_be_changed_and_kept() -> None:
    """A workspace's own mapping survives its JSON form and decides which params count."""
    mapping = LineageMapping(seed=("rng",), base_model=("init_from",))
    draft = from_tracking({"rng": "5", "init_from": "m", "seed": "1"}, {}, mapping=mapping)
    assert mapping_from_record(mapping.as_record()) == mapping
    assert draft.fields["seed"] == 5
    assert draft.fields["config"] == {"seed": 1}
    assert mapping_from_record({}) == DEFAULT_MAPPING


@pytest.mark.parametrize(
    "record", [{"sed": []}, {"seed": "seed"}, {"seed": [1]}, {"dirty_tag": ""}, {"seed": [""]}]
)
def test_a_wrong_mapping_is_refused(record: dict[str, object]) -> None:
    """An unknown member or something that is not a name is named."""
    with pytest.raises(InvalidArgument) as caught:
        mapping_from_record(record)
    assert caught.value.field == next(iter(record))


def test_a_native_text_that_looks_like_a_number_is_stated_to_be_kept() -> None:
    """Logged as a param, "3" is the number; stated in a config, it stays a text."""
    logged = from_tracking({**PARAMS, "rank": "3"}, TAGS).fingerprint()
    number = Lineage("sft-v3", COMMIT, {"lr": 2e-05, "rank": 3}, "Qwen/Qwen3-8B", 0).fingerprint()
    text = Lineage("sft-v3", COMMIT, {"lr": 2e-05, "rank": "3"}, "Qwen/Qwen3-8B", 0).fingerprint()
    assert logged == number != text


def test_a_lineage_states_only_what_it_has() -> None:
    """Fields that are None are not part of the record, and annotations never pose as fields."""
    assert Lineage(seed=1, annotations={"x": 1, "config": {}}).as_record() == {"seed": 1, "x": 1}
    with pytest.raises(LineageIncomplete):
        fingerprint(Lineage(seed=1).as_record())
