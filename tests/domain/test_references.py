from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.references import (
    ReferenceKind,
    check_strict,
    faults_of,
    parse_base,
    parse_commit,
    parse_data,
    references_of,
)
from assay.domain.tracking import Demand

COMMIT = "a" * 40
SHA = "b" * 64


@pytest.mark.parametrize(
    ("text", "kind", "is_immutable"),
    [
        (f"dvc:md5:c7f0.dir@{COMMIT}:data/train", ReferenceKind.DVC, True),
        ("dvc:md5:c7f0.dir@main:data/train", ReferenceKind.DVC, False),
        (f"git:{COMMIT}@{COMMIT}:data", ReferenceKind.GIT, True),
        (f"git:abc1234@{COMMIT}:data", ReferenceKind.GIT, False),
        (f"lakefs://repo/{SHA}/train/", ReferenceKind.LAKEFS, True),
        ("lakefs://repo/main/train/", ReferenceKind.LAKEFS, False),
        (f"sha256:{SHA}", ReferenceKind.SHA256, True),
        ("md5:c7f0ef53f06f653f79d3a6a36dcfd39b.dir", ReferenceKind.DIGEST, True),
        ("file:/srv/data", ReferenceKind.FILE, False),
        (f"file:/srv/data#sha256:{SHA}", ReferenceKind.FILE, True),
        (f"hf://datasets/org/name@{COMMIT}", ReferenceKind.HF, True),
        ("hf://datasets/org/name@main", ReferenceKind.HF, False),
        ("hf://datasets/org/name", ReferenceKind.HF, False),
        ("s3://bucket/key?versionId=3HL4kq", ReferenceKind.S3, True),
        ("s3://bucket/key", ReferenceKind.S3, False),
        ("s3://bucket/key?versionId=null", ReferenceKind.S3, False),
        ("the corpus", ReferenceKind.PLAIN, False),
        ("https://example.org/data.csv", ReferenceKind.PLAIN, False),
        (f"git:{COMMIT}@{COMMIT}:../../etc", ReferenceKind.PLAIN, False),
        (f"git:{COMMIT}@{COMMIT}:--output=x", ReferenceKind.PLAIN, False),
        (f"dvc:md5:x@{COMMIT}:/etc/passwd", ReferenceKind.PLAIN, False),
    ],
)
def test_data_is_known_by_its_form(text: str, kind: ReferenceKind, is_immutable: bool) -> None:
    """What can be looked up, and what can never mean other bytes."""
    found = parse_data(text)

    assert (found.kind, found.is_immutable) == (kind, is_immutable)
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "is_immutable"),
    [(COMMIT, True), (SHA, True), ("a" * 39, False), ("HEAD", False), ("A" * 40, False)],
)
def test_only_a_whole_commit_id_stays(text: str, is_immutable: bool) -> None:
    """In the one spelling that git prints."""
    assert parse_commit(text).is_immutable is is_immutable


@pytest.mark.parametrize(
    ("text", "is_immutable"),
    [
        ("qwen2.5-0.5b", True),
        ("org/name:latest", False),
        ("org/name@main", False),
        ("models:/base/3", True),
        (f"hf://org/name@{COMMIT}", True),
        ("hf://org/name@main", False),
    ],
)
def test_a_base_model_that_moves_is_told(text: str, is_immutable: bool) -> None:
    """A plain name is as fixed as a name can be."""
    assert parse_base(text).is_immutable is is_immutable


def test_several_data_versions_are_several_references() -> None:
    """Only if each of them is in a known form: a comma may be part of a plain text."""
    lineage = {"data_version": f"sha256:{SHA}, git:{COMMIT}@{COMMIT}:x"}

    assert [r.kind.value for r in references_of(lineage)] == ["sha256", "git"]
    assert [r.kind.value for r in references_of({"data_version": "a, b"})] == ["plain"]


def test_code_with_changes_needs_its_diff_in_the_config() -> None:
    """Then the fingerprint holds what the commit does not."""
    fields: dict[str, Any] = {"code_commit": COMMIT, "config": {}}
    notes = {"code_dirty": True, "code_diff_sha256": SHA}
    held = {**fields, "config": {"code_diff_sha256": SHA}}

    assert [fault.field for fault in faults_of(fields, notes)] == ["code_commit"]
    assert list(faults_of(held, notes)) == []
    assert len(list(faults_of(held, {"code_dirty": True}))) == 1


@pytest.mark.parametrize("demand", [Demand.OFF, Demand.WARN])
def test_only_require_refuses(demand: Demand) -> None:
    """The others let it pass; the fault is shown with the closure."""
    fields = {"code_commit": "main"}

    check_strict(demand, fields, {})
    with pytest.raises(InvalidArgument) as refusal:
        check_strict(Demand.REQUIRE, fields, {})
    assert refusal.value.field == "code_commit"


@given(st.text(max_size=200))
def test_any_text_is_a_reference_of_some_kind(text: str) -> None:
    """Nothing that a user writes is an error here, and nothing is rewritten."""
    for parse in (parse_data, parse_base, parse_commit):
        assert parse(text).text == text


@given(st.from_regex(r"(dvc|git|lakefs|hf|s3|file)[:/@?#\[\]a-z0-9.-]{0,80}", fullmatch=True))
def test_no_path_of_a_reference_leads_up(text: str) -> None:
    """What names a place inside a repository stays inside."""
    found = parse_data(text)

    if found.kind in {ReferenceKind.DVC, ReferenceKind.GIT}:
        assert ".." not in found.path.split("/")
        assert not found.path.startswith(("/", "-"))
