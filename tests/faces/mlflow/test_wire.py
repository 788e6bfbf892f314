import math
from typing import Any

import msgspec
import pytest

from assay.domain.errors import InvalidArgument
from assay.faces.mlflow.dialect import decode_json
from assay.faces.mlflow.experiments import SearchExperiments, ViewType
from assay.faces.mlflow.ingest import LogBatch, LogMetric
from assay.faces.mlflow.runs import SearchRuns
from assay.faces.mlflow.wire import read_message, read_query

POINT: dict[str, Any] = {"run_id": "r", "key": "loss", "value": 0.5, "timestamp": 7}


def read(**changes: object) -> LogMetric:
    return read_message(LogMetric, {**POINT, **changes})


def test_both_spellings_of_a_field_are_read() -> None:
    """`runId` is `run_id`, in nested messages as well."""
    camel = {"runId": "r", "metrics": [{"key": "k", "value": 1, "timestamp": 2, "modelId": "m"}]}

    found = read_message(LogBatch, camel)

    assert found.run_id == "r"
    assert found.metrics[0].model_id == "m"


def test_both_spellings_at_once_are_refused() -> None:
    """A field that is said twice may be said differently, so it is refused."""
    with pytest.raises(InvalidArgument, match="both 'run_id' and 'runId'"):
        read(runId="other")


@pytest.mark.parametrize("step", [5, "5", 5.0])
def test_an_integer_may_be_a_number_or_a_text(step: object) -> None:
    """Writers of protocol buffers send 64-bit integers as texts."""
    assert read(step=step).step == 5


@pytest.mark.parametrize("step", [5.5, "5.5", "five", True, [], {}, 2**63, -(2**63) - 1, "1" * 20])
def test_what_is_no_64_bit_integer_is_refused_by_name(step: object) -> None:
    """A step that does not fit is not rounded or cut."""
    with pytest.raises(InvalidArgument) as caught:
        read(step=step)

    assert caught.value.field == "step"
    assert "for parameter 'step' supplied" in caught.value.message


@pytest.mark.parametrize(
    ("sent", "meant"),
    [(1, 1.0), ("1.5", 1.5), ("Infinity", math.inf), ("-Infinity", -math.inf), ("1e-3", 0.001)],
)
def test_a_double_may_be_spelled(sent: object, meant: float) -> None:
    """Infinities travel as words, and numbers may be quoted."""
    assert read(value=sent).value == meant


def test_nan_is_spelled_as_a_text() -> None:
    """`"NaN"` is a value."""
    assert math.isnan(read(value="NaN").value)


@pytest.mark.parametrize("value", ["nan", "inf", "foo", "", "1e400", True, [1], 10**400])
def test_what_is_no_double_is_refused_by_name(value: object) -> None:
    """Only the spellings of the protocol count, and nothing overflows silently."""
    with pytest.raises(InvalidArgument) as caught:
        read(value=value)

    assert caught.value.field == "value"


def test_null_means_absent() -> None:
    """A null leaves the default."""
    assert read(step=None).step == 0


def test_unknown_fields_are_ignored() -> None:
    """A newer client may say more than we know."""
    assert read(invented={"deep": [1]}).key == "loss"


@pytest.mark.parametrize("name", ["run_id", "key"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_required_field_is_asked_for_by_name(name: str, value: object) -> None:
    """Absent, null and empty are all missing."""
    with pytest.raises(InvalidArgument, match=f"Missing value for required parameter '{name}'"):
        read(**{name: value})


def test_the_older_name_of_a_run_is_understood() -> None:
    """`run_uuid` stands for `run_id` where that is absent."""
    given = {**POINT, "run_uuid": "old"}
    del given["run_id"]

    assert read_message(LogMetric, given).run_id == "old"


def test_a_wrong_item_is_named_by_its_place() -> None:
    """The path of a fault leads into the list."""
    metrics = [{"key": "k", "value": 1, "timestamp": 2}, {"key": "k", "value": 1}]

    with pytest.raises(InvalidArgument, match=r"parameter 'metrics\[1\]\.timestamp'"):
        read_message(LogBatch, {"run_id": "r", "metrics": metrics})


@pytest.mark.parametrize("metrics", ["a", {}, 5, [5], ["x"]])
def test_a_list_of_messages_is_one(metrics: object) -> None:
    """A text, number or object is not taken for a list of messages."""
    with pytest.raises(InvalidArgument) as caught:
        read_message(LogBatch, {"run_id": "r", "metrics": metrics})

    assert caught.value.field is not None
    assert caught.value.field.startswith("metrics")


@pytest.mark.parametrize("view", ["DELETED_ONLY", 2, "2"])
def test_an_enum_is_a_name_or_a_number(view: object) -> None:
    """Both forms of the protocol are read."""
    found = read_message(SearchExperiments, {"view_type": view})

    assert found.view_type is ViewType.DELETED_ONLY


@pytest.mark.parametrize("view", ["NONE", 9, True, "deleted_only"])
def test_another_enum_value_is_refused_and_its_names_listed(view: object) -> None:
    """A misspelled view is not read as the default."""
    with pytest.raises(InvalidArgument, match="ACTIVE_ONLY, DELETED_ONLY, ALL"):
        read_message(SearchRuns, {"run_view_type": view})


def test_a_repeated_query_parameter_is_a_list() -> None:
    """In a query everything is text, and a list is a parameter given several times."""
    found = read_query(
        SearchExperiments, {"order_by": ["name", "experiment_id"], "max_results": ["5"]}
    )

    assert found.order_by == ["name", "experiment_id"]
    assert found.max_results == 5


def test_the_plain_form_and_the_lenient_one_mean_the_same() -> None:
    """The fast path of hot routes reads what the lenient one reads."""
    sent = {
        "run_id": "r",
        "metrics": [{"key": "k", "value": 1.5, "timestamp": 2, "step": 3}],
        "params": [{"key": "p", "value": "v"}],
        "tags": [{"key": "t", "value": "w"}],
    }

    fast = msgspec.json.decode(msgspec.json.encode(sent), type=LogBatch)

    assert fast == read_message(LogBatch, sent)


def test_the_plain_form_knows_64_bit_integers_too() -> None:
    """An integer that does not fit fails in the fast path, so that the lenient one names it."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({**POINT, "step": 2**63}), type=LogMetric)


@pytest.mark.parametrize("raw", [b"", b"  ", b"{}", b'"{}"', b"null"])
def test_an_empty_body_is_an_empty_message(raw: bytes) -> None:
    """Nothing, an empty object and an empty object in a text are the same."""
    assert decode_json(raw) == {}


def test_json_in_a_json_text_is_unpacked_once() -> None:
    """Old clients encode their body twice."""
    assert decode_json(msgspec.json.encode('{"a": 1}')) == {"a": 1}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"NaN",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e400}',
        b'{"a": 1} x',
        b"[]",
        b"5",
        b'"text"',
        b'"[1]"',
        b"\xff\xfe",
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    """A body that cannot be read is an error, never an empty message."""
    with pytest.raises(InvalidArgument) as caught:
        decode_json(raw)

    assert caught.value.field == "body"
