"""What runs read, and what they record beside numbers."""

import pytest

from assay.domain.errors import InvalidArgument, LimitExceeded, NotFound
from assay.domain.tracking import Dataset, RunInput
from assay.services.datasets import DatasetUse
from assay.services.records import INLINE_BYTES, NewRecord
from tests.support.tracking import Tracking

TRAIN = Dataset("train", "d1", "local", '{"uri": "x"}', "schema", "profile")


def test_an_input_is_recorded_once(tracking: Tracking) -> None:
    """A repeated input changes nothing, not even its tags; the first description counts."""
    run_id = tracking.a_run().run.run_id
    again = RunInput(Dataset("train", "d1", "http", "other"), {"context": "eval"})
    for given in (RunInput(TRAIN, {"context": "train"}), again):
        tracking.datasets.log_inputs(tracking.context, run_id, [given])
    whole = tracking.runs.get(tracking.context, run_id)
    assert whole.inputs == (RunInput(TRAIN, {"context": "train"}),)


def test_runs_share_a_dataset(tracking: Tracking) -> None:
    """Two runs with the same input name and digest read one dataset, each with its own role."""
    first, second = (tracking.a_run().run.run_id for _ in range(2))
    tracking.datasets.log_inputs(tracking.context, first, [RunInput(TRAIN, {"context": "train"})])
    tracking.datasets.log_inputs(
        tracking.context,
        second,
        [RunInput(TRAIN, {"mlflow.data.context": "eval"}), RunInput(Dataset("b", "d2", "", ""))],
    )
    known = Dataset("train", "d1", "local", '{"uri": "x"}')
    assert tracking.datasets.search(tracking.context, ["0", "99"]) == (
        DatasetUse("0", Dataset("b", "d2", "", ""), None),
        DatasetUse("0", known, "eval"),
        DatasetUse("0", known, "train"),
    )
    tracking.runs.delete(tracking.context, first)
    assert len(tracking.datasets.search(tracking.context, ["0"])) == 2


def test_model_inputs_are_models(tracking: Tracking) -> None:
    """A run can read logged models; an unknown one takes the whole request back."""
    run_id = tracking.a_run().run.run_id
    model = tracking.logged_models.create(tracking.context, "0", name="m").model_id
    for _ in range(2):
        tracking.datasets.log_inputs(tracking.context, run_id, [], [model])
    with pytest.raises(NotFound):
        tracking.datasets.log_inputs(tracking.context, run_id, [RunInput(TRAIN)], ["m-" + "0" * 32])
    whole = tracking.runs.get(tracking.context, run_id)
    assert (whole.model_inputs, whole.inputs) == ((model,), ())


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (RunInput(Dataset("", "d", "", "")), "inputs[0].name"),
        (RunInput(Dataset("n", "", "", "")), "inputs[0].digest"),
        (RunInput(Dataset("n", "d" * 129, "", "")), "inputs[0].digest"),
        (RunInput(Dataset("n", "d", "", "s" * 65_536)), "inputs[0].source"),
        (RunInput(Dataset("n", "d", "", ""), {"": "x"}), "inputs[0].tags.key"),
        (RunInput(Dataset("n", "d", "", ""), {"k": "x" * 501}), "inputs[0].tags.value"),
    ],
)
def test_a_bad_input_is_refused_by_name(
    sqlite_tracking: Tracking, given: RunInput, field: str
) -> None:
    """The error names the place in the list."""
    run_id = sqlite_tracking.a_run().run.run_id
    with pytest.raises(InvalidArgument) as caught:
        sqlite_tracking.datasets.log_inputs(sqlite_tracking.context, run_id, [given])
    assert caught.value.field == field


def test_a_step_has_one_record_per_key(tracking: Tracking) -> None:
    """A record that comes again takes the place of the one before, so a retry changes nothing."""
    run_id = tracking.a_run().run.run_id
    first = NewRecord("samples", 3, "table", 5, "[1]")
    for record in (first, first, NewRecord("samples", -1, "text", 6, "ü"), first):
        tracking.records.append(tracking.context, run_id, [record])
    page = tracking.records.list(tracking.context, run_id, "samples")
    assert [(found.step, found.kind, found.payload) for found in page.items] == [
        (-1, "text", "ü"),
        (3, "table", "[1]"),
    ]
    assert tracking.records.keys(tracking.context, run_id) == ("samples",)
    assert tracking.records.list(tracking.context, run_id, "other").items == ()


def test_long_texts_and_bytes_go_to_the_store(tracking: Tracking) -> None:
    """What is small is in the answer, the rest is opened; both come back as they were."""
    run_id = tracking.a_run().run.run_id
    long_text = "ü" * INLINE_BYTES
    tracking.records.append(
        tracking.context,
        run_id,
        [
            NewRecord("a", 1, "text", 1, long_text),
            NewRecord("a", 2, "image", 1, b"\x00\xff"),
            NewRecord("a", 3, "text", 1, "short"),
        ],
    )
    contents = []
    for step in (1, 2, 3):
        record, download = tracking.records.open(tracking.context, run_id, "a", step)
        if download is None:
            contents.append((record.payload or "").encode())
            continue
        with download:
            contents.append(b"".join(download))
        assert record.size_bytes == len(contents[-1])
    assert contents == [long_text.encode(), b"\x00\xff", b"short"]
    with pytest.raises(NotFound, match="step 4"):
        tracking.records.open(tracking.context, run_id, "a", 4)


def test_records_come_in_pages(tracking: Tracking) -> None:
    """Pages go on after the last step."""
    run_id = tracking.a_run().run.run_id
    steps = [-(2**63), -1, 0, 5, 2**63 - 1]
    records = [NewRecord("a", step, "text", 1, str(step)) for step in reversed(steps)]
    tracking.records.append(tracking.context, run_id, records)
    found: list[int] = []
    token = None
    while True:
        page = tracking.records.list(tracking.context, run_id, "a", max_results=2, page_token=token)
        found += [record.step for record in page.items]
        token = page.next_token
        if token is None:
            break
    assert found == steps
    with pytest.raises(InvalidArgument, match="page_token"):
        tracking.records.list(tracking.context, run_id, "b", page_token="x" * 30)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (NewRecord("", 1, "text", 1, "x"), "records[0].key"),
        (NewRecord("k" * 251, 1, "text", 1, "x"), "records[0].key"),
        (NewRecord("k", 2**63, "text", 1, "x"), "records[0].step"),
        (NewRecord("k", 1, "", 1, "x"), "records[0].kind"),
        (NewRecord("k", 1, "text", -1, "x"), "records[0].timestamp_ms"),
        (NewRecord("k", 1, "text", 1, "a\x00"), "records[0].payload"),
    ],
)
def test_a_bad_record_is_refused_by_name(
    sqlite_tracking: Tracking, record: NewRecord, field: str
) -> None:
    """The error names the place in the list, and none of the list is kept."""
    run_id = sqlite_tracking.a_run().run.run_id
    fine = NewRecord("fine", 1, "text", 1, "x" * 20_000)
    with pytest.raises(InvalidArgument) as caught:
        sqlite_tracking.records.append(sqlite_tracking.context, run_id, [record, fine])
    assert caught.value.field == field
    assert sqlite_tracking.records.keys(sqlite_tracking.context, run_id) == ()
    assert list(sqlite_tracking.platform.blobs.list()) == []
    many = [NewRecord("k", step, "text", 1, "x") for step in range(1_001)]
    with pytest.raises(LimitExceeded):
        sqlite_tracking.records.append(sqlite_tracking.context, run_id, many)
