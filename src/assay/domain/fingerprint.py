"""The lineage fingerprint: one digest for one (data, code, config, base model, seed).

Scheme `py-json-v1` is SHA-256 over the canonical text of exactly the five fields. Other keys of a
record are annotations: kept, and outside the digest. Where the fields come from is `lineage`'s
concern.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from assay.domain.canonical import (
    JsonValue,
    as_object,
    canonical_text,
    check_value,
    is_portable,
    sha256_hex,
)
from assay.domain.errors import InvalidArgument, LineageIncomplete

SCHEME: Final = "py-json-v1"
FIELDS: Final = ("data_version", "code_commit", "config", "base_model", "seed")
TEXT_FIELDS: Final = ("data_version", "code_commit", "base_model")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The identity of a lineage: `hex` digests `canonical`, which is stored as text, byte for byte.

    `portable` is false when an integer does not fit a double, so that other languages may misread
    it. `warnings` are sentences for the registrant; they do not refuse anything.
    """

    scheme: str
    canonical: str
    hex: str
    portable: bool
    warnings: tuple[str, ...] = ()


def fingerprint(record: Mapping[str, object]) -> Fingerprint:
    """The fingerprint of a lineage record; keys beyond the five fields are ignored.

    Raises LineageIncomplete listing every field that is absent, null, empty or blank,
    InvalidArgument naming the path of a value of the wrong type or outside the JSON domain,
    LimitExceeded above 1 MiB. Values are never coerced: seeds 42, 42.0 and "42" are three lineages.
    """
    missing = missing_fields(record)
    if missing:
        raise incomplete(missing)
    fields = check_value({name: record[name] for name in FIELDS}, root="lineage")
    _check_types(record)
    canonical = canonical_text(fields)
    portable = is_portable(fields)
    return Fingerprint(
        scheme=SCHEME,
        canonical=canonical,
        hex=sha256_hex(canonical),
        portable=portable,
        warnings=_warnings(record, portable=portable),
    )


def missing_fields(record: Mapping[str, object]) -> list[str]:
    """The fields that are absent, null, empty or blank, in the order of `FIELDS`."""
    return [name for name in FIELDS if is_missing(record.get(name))]


def is_missing(value: object) -> bool:
    """Whether a field's value says nothing: None, or a text without anything but white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def incomplete(missing: list[str]) -> LineageIncomplete:
    """The refusal of a lineage that lacks `missing` (not empty)."""
    return LineageIncomplete(
        f"The lineage is incomplete: {', '.join(missing)} missing or empty. "
        f"A model version needs all of {', '.join(FIELDS)}.",
        field=missing[0],
        missing=missing,
    )


def split_record(
    record: Mapping[str, object],
) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """(the five fields that are present, the annotations): both checked against the JSON domain."""
    plain = as_object(check_value(record, root="lineage"), "lineage")
    fields = {name: value for name, value in plain.items() if name in FIELDS}
    return fields, {name: value for name, value in plain.items() if name not in FIELDS}


def _check_types(record: Mapping[str, object]) -> None:
    for name in TEXT_FIELDS:
        if not isinstance(record[name], str):
            raise InvalidArgument(
                f"{name} must be a text, not a {type(record[name]).__name__}.", field=name
            )
    if not isinstance(record["config"], Mapping):
        raise InvalidArgument("config must be an object of names and values.", field="config")
    seed = record["seed"]
    if isinstance(seed, bool) or not isinstance(seed, int | float | str):
        raise InvalidArgument(
            f"seed must be a number or a text, not a {type(seed).__name__}.", field="seed"
        )


def _warnings(record: Mapping[str, object], *, portable: bool) -> tuple[str, ...]:
    said = []
    if not record["config"]:
        said.append("config is empty: the lineage claims that nothing was configured.")
    if not portable:
        said.append(
            "An integer is larger than 2**53 - 1: programs in other languages may misread it; "
            "let them hash the canonical text instead of rebuilding it."
        )
    return tuple(said)
