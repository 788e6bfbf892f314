"""Reading a registration's lineage: stated outright, or from what the run recorded."""

from __future__ import annotations

from dataclasses import dataclass

from assay.domain.canonical import JsonValue, as_object, parse_strict
from assay.domain.collection import is_data_type
from assay.domain.errors import InvalidArgument, LineageIncomplete
from assay.domain.fingerprint import FIELDS, Fingerprint, missing_fields, split_record
from assay.domain.lineage import (
    DEFAULT_MAPPING,
    DatasetRef,
    Lineage,
    LineageDraft,
    LineageMapping,
    from_tracking,
    mapping_from_record,
)
from assay.domain.tracking import LineagePolicy, Run
from assay.storage import collection_edges
from assay.storage import lineage as rows
from assay.storage.database import Transaction
from assay.storage.params import params_of_run
from assay.storage.tags import tags_of_run


@dataclass(frozen=True, slots=True)
class ReadLineage:
    """What was found, and its fingerprint; None where the policy lets an open lineage pass."""

    draft: LineageDraft
    fingerprint: Fingerprint | None


def read_lineage(
    tx: Transaction,
    *,
    stated: str | None,
    run: Run | None,
    workspace_pk: int,
    policy: LineagePolicy,
) -> ReadLineage:
    """The lineage of a registration: `stated` (strict JSON) counts alone, else the run is asked.

    Under policy `required` raises LineageIncomplete naming every missing field. What a client states
    must be legal under either policy; what its params and tags amount to need not be under `recorded`.
    """
    if stated is not None:
        draft = _stated(stated)
        if draft.missing and policy is LineagePolicy.RECORDED:
            return ReadLineage(draft, None)
        return ReadLineage(draft, draft.fingerprint())
    try:
        draft = recorded_lineage(tx, run, workspace_pk)
        return ReadLineage(draft, draft.fingerprint())
    except (LineageIncomplete, InvalidArgument):
        if policy is LineagePolicy.REQUIRED:
            raise
        return ReadLineage(LineageDraft({}, {}, list(FIELDS)), None)


def parse_record(text: str) -> dict[str, JsonValue]:
    """A lineage record from its JSON text, numbers as they stand there; InvalidArgument otherwise."""
    return as_object(parse_strict(text, root="lineage"), "lineage")


def _stated(text: str) -> LineageDraft:
    fields, noted = split_record(parse_record(text))
    return LineageDraft(
        fields, dict.fromkeys(fields, "stated"), missing_fields(fields), annotations=noted
    )


def recorded_lineage(tx: Transaction, run: Run | None, workspace_pk: int) -> LineageDraft:
    """What a run stated and recorded of its lineage; InvalidArgument where that is not legal."""
    if run is None:
        return LineageDraft({}, {}, list(FIELDS))
    declared = None if run.lineage is None else _declared(run.lineage)
    return from_tracking(
        params_of_run(tx, run.pk),
        tags_of_run(tx, run.pk),
        # What a client named a dataset by counts first, then the collections that the run read.
        rows.datasets_of_run(tx, run.pk) or _collections_read(tx, run.pk),
        _mapping(tx, workspace_pk),
        stated=declared,
    )


def _collections_read(tx: Transaction, run_pk: int) -> list[DatasetRef]:
    found = collection_edges.inputs_of_run(tx, run_pk)
    return [reference for kind, reference in found if is_data_type(kind)]


def _declared(text: str) -> Lineage:
    fields, noted = split_record(parse_record(text))
    return Lineage(**fields, annotations=noted)  # type: ignore[arg-type] # checked by the fingerprint


def _mapping(tx: Transaction, workspace_pk: int) -> LineageMapping:
    text = rows.lineage_mapping_text(tx, workspace_pk)
    if text is None:
        return DEFAULT_MAPPING
    return mapping_from_record(as_object(parse_strict(text, root="lineage mapping"), "mapping"))
