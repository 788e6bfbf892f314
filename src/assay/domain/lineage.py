"""Where the five lineage fields come from: stated, or read from what a tracking client logs.

A client that can only send text logs `16` for the number 16. `python_value` reads such text back,
so one training has one fingerprint whichever client recorded it. What text cannot carry stays
ambiguous: a param "3" is the number 3, whether the script meant the number or the text. A config
that must tell them apart is given outright, as a JSON object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from assay.domain.canonical import (
    MAX_INTEGER_DIGITS,
    JsonScalar,
    JsonValue,
    as_object,
    check_value,
    parse_strict,
    sha256_hex,
)
from assay.domain.errors import AppError, InvalidArgument
from assay.domain.fingerprint import (
    FIELDS,
    TEXT_FIELDS,
    Fingerprint,
    fingerprint,
    is_missing,
    missing_fields,
    split_record,
)

TAG_PREFIX: Final = "assay.lineage."
"""A tag `assay.lineage.<field>` states a field outright and wins over the mapping."""

_INTEGER: Final = re.compile(r"-?[1-9][0-9]*|0")
_FLOAT: Final = re.compile(r"-?[0-9][0-9.e+\-]*")
_WORDS: Final[Mapping[str, JsonScalar]] = {"True": True, "False": False, "None": None}


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a training was made from. None means: not stated here, to be found elsewhere.

    `annotations` travel with the record and stay outside the fingerprint.
    """

    data_version: str | None = None
    code_commit: str | None = None
    config: Mapping[str, object] | None = None
    base_model: str | None = None
    seed: int | float | str | None = None
    annotations: Mapping[str, object] = field(default_factory=dict)

    def as_record(self) -> dict[str, object]:
        """The stated fields and the annotations as one record."""
        noted = {k: v for k, v in self.annotations.items() if k not in FIELDS}
        stated = {name: getattr(self, name) for name in FIELDS}
        return {**noted, **{k: v for k, v in stated.items() if v is not None}}

    def fingerprint(self) -> Fingerprint:
        """The fingerprint, or LineageIncomplete naming what is not stated."""
        return fingerprint(self.as_record())


@dataclass(frozen=True, slots=True)
class LineageMapping:
    """Which params and tags carry which field; of several, the first that says something wins.

    `ignore` are params that say nothing about the training (its name, where it writes): they stay out
    of `config`, so that two equal trainings with different names have one fingerprint.
    """

    data_version: tuple[str, ...] = ("dataset_version", "data_version")
    base_model: tuple[str, ...] = ("base", "base_model", "model_name_or_path", "_name_or_path")
    seed: tuple[str, ...] = ("seed",)
    code_commit: tuple[str, ...] = ("code_commit",)
    commit_tags: tuple[str, ...] = ("mlflow.source.git.commit", "code_commit")
    dirty_tag: str = "mlflow.source.git.dirty"
    diff_tag: str = "mlflow.source.git.diff"
    ignore: tuple[str, ...] = ()

    def params_of(self, name: str) -> tuple[str, ...]:
        """The params that may carry a field; none for `config`, which is what remains."""
        names: tuple[str, ...] = () if name == "config" else getattr(self, name)
        return names

    def as_record(self) -> dict[str, JsonValue]:
        """The mapping as JSON, for `mapping_from_record`."""
        return {
            "data_version": list(self.data_version),
            "base_model": list(self.base_model),
            "seed": list(self.seed),
            "code_commit": list(self.code_commit),
            "commit_tags": list(self.commit_tags),
            "dirty_tag": self.dirty_tag,
            "diff_tag": self.diff_tag,
            "ignore": list(self.ignore),
        }


DEFAULT_MAPPING: Final = LineageMapping()


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A dataset that a run named as its input, with the digest that the client gave."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class LineageDraft:
    """What tracking data says about lineage: `fields`, where each came from, what is `missing`."""

    fields: dict[str, JsonValue]
    origins: dict[str, str]
    missing: list[str]
    annotations: dict[str, JsonValue] = field(default_factory=dict)

    def record(self) -> dict[str, JsonValue]:
        """Fields and annotations as one record."""
        return {**self.annotations, **self.fields}

    def fingerprint(self) -> Fingerprint:
        """The fingerprint, or LineageIncomplete naming every missing field."""
        return fingerprint(self.fields)


def mapping_from_record(record: Mapping[str, object]) -> LineageMapping:
    """A mapping from its JSON form, with defaults; InvalidArgument names a wrong member."""
    default = DEFAULT_MAPPING.as_record()
    unknown = sorted(set(record) - set(default))
    if unknown:
        raise InvalidArgument(f"lineage mapping: unknown member {unknown[0]!r}.", field=unknown[0])
    given = {**default, **record}
    return LineageMapping(
        data_version=_names(given["data_version"], "data_version"),
        base_model=_names(given["base_model"], "base_model"),
        seed=_names(given["seed"], "seed"),
        code_commit=_names(given["code_commit"], "code_commit"),
        commit_tags=_names(given["commit_tags"], "commit_tags"),
        dirty_tag=_name(given["dirty_tag"], "dirty_tag"),
        diff_tag=_name(given["diff_tag"], "diff_tag"),
        ignore=_names(given["ignore"], "ignore"),
    )


def param_text(value: object) -> str:
    """A param as the text that Python prints for it, which is what text-only clients send."""
    return str(value)


def python_value(text: str) -> JsonScalar:
    """The number, True, False or None for which Python prints exactly this text, else the text.

    `1e-05` is a number, `0.00001` stays text, and so do `nan` and `inf`, which JSON has not.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text.lstrip("-")) <= MAX_INTEGER_DIGITS else text
    if _FLOAT.fullmatch(text) and len(text) <= 32:
        try:
            number = float(text)
        except ValueError:
            return text
        if repr(number) == text:
            return number
    return text


def from_tracking(
    params: Mapping[str, str],
    tags: Mapping[str, str],
    dataset_digests: Sequence[DatasetRef] = (),
    mapping: LineageMapping = DEFAULT_MAPPING,
    *,
    stated: Lineage | None = None,
) -> LineageDraft:
    """The lineage that a run's params, tags and dataset inputs amount to.

    Per field, in this order: `stated` by the client's code, the tag `assay.lineage.<field>`, the
    mapping, and for `data_version` the digests of the dataset inputs. `data_version`, `code_commit`
    and `base_model` are texts and stay what they are. The tag of `config` must hold a JSON object;
    that of `seed` is read as JSON where it is a JSON number or text, else as `python_value` does.
    `config` is the remaining params: a mapped param that repeats its field is left out, one that
    says something else stays.
    """
    outright = {} if stated is None else stated.as_record()
    fields: dict[str, JsonValue] = {}
    origins: dict[str, str] = {}
    for name in FIELDS:
        found = _outright(name, outright, tags) or _mapped(name, params, tags, mapping)
        if found is None and name == "data_version":
            found = _from_datasets(dataset_digests)
        if found is not None:
            fields[name], origins[name] = found
    if "config" not in fields:
        fields["config"] = _remaining(params, fields, mapping)
        origins["config"] = "remaining params"
    _, noted = split_record(outright)
    annotations = {**_code_annotations(tags, mapping), **noted}
    return LineageDraft(fields, origins, missing_fields(fields), annotations)


def _outright(
    name: str, stated: Mapping[str, object], tags: Mapping[str, str]
) -> tuple[JsonValue, str] | None:
    if name in stated:
        return check_value(stated[name], name), "stated"
    tag = TAG_PREFIX + name
    if tag not in tags:
        return None
    return _tag_value(name, tags[tag]), f"tag {tag}"


def _tag_value(name: str, text: str) -> JsonValue:
    if name in TEXT_FIELDS or is_missing(text):
        return text
    if name == "config":
        return as_object(parse_strict(text, root="config"), "config")
    try:
        value = parse_strict(text, root=name)
    except AppError:
        return python_value(text)
    return text if isinstance(value, dict | list) else value


def _mapped(
    name: str, params: Mapping[str, str], tags: Mapping[str, str], mapping: LineageMapping
) -> tuple[JsonValue, str] | None:
    named_tags = mapping.commit_tags[:1] if name == "code_commit" else ()
    late_tags = mapping.commit_tags[1:] if name == "code_commit" else ()
    places = [
        *((tags, "tag", key) for key in named_tags),
        *((params, "param", key) for key in mapping.params_of(name)),
        *((tags, "tag", key) for key in late_tags),
    ]
    for source, kind, key in places:
        text = source.get(key)
        # A script that logs `base_model=None` has logged the text "None": nothing was said.
        if text is None or is_missing(text) or text == "None":
            continue
        return (text if name in TEXT_FIELDS else python_value(text)), f"{kind} {key}"
    return None


def _from_datasets(datasets: Iterable[DatasetRef]) -> tuple[JsonValue, str] | None:
    named = sorted({(ref.digest, ref.name) for ref in datasets if not is_missing(ref.digest)})
    if not named:
        return None
    digests = sorted({digest for digest, _ in named})
    return ",".join(digests), "dataset inputs " + ", ".join(f"{n}@{d}" for d, n in named)


def _remaining(
    params: Mapping[str, str], fields: Mapping[str, JsonValue], mapping: LineageMapping
) -> dict[str, JsonValue]:
    repeats = {
        key
        for name in FIELDS
        for key in mapping.params_of(name)
        if key in params and _repeats(name, params[key], fields.get(name))
    }
    left_out = repeats.union(mapping.ignore)
    return {key: python_value(text) for key, text in params.items() if key not in left_out}


def _repeats(name: str, text: str, value: JsonValue) -> bool:
    if is_missing(text) or text == "None":
        return True
    return text == value if name in TEXT_FIELDS else text == param_text(value)


def _code_annotations(tags: Mapping[str, str], mapping: LineageMapping) -> dict[str, JsonValue]:
    noted: dict[str, JsonValue] = {}
    if tags.get(mapping.dirty_tag, "").lower() == "true":
        noted["code_dirty"] = True
    diff = tags.get(mapping.diff_tag)
    if diff:
        noted["code_diff_sha256"] = sha256_hex(diff)
    return noted


def _names(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > 50:
        raise InvalidArgument(f"lineage mapping: {name} must be a list of names.", field=name)
    return tuple(_name(item, name) for item in value)


def _name(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 250:
        raise InvalidArgument(f"lineage mapping: {name} must be made of names.", field=name)
    return value
