"""Which names, keys, values and artifact paths are legal. Lengths are in characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final
from urllib.parse import unquote

from assay.domain.canonical import text_fault
from assay.domain.errors import InvalidArgument

MAX_KEY: Final = 250
MAX_PARAM_VALUE: Final = 6_000
MAX_TAG_VALUE: Final = 8_000
MAX_EXPERIMENT_TAG_VALUE: Final = 20_000
MAX_REGISTRY_TAG_VALUE: Final = 100_000
MAX_EXPERIMENT_NAME: Final = 500
MAX_RUN_NAME: Final = 500
MAX_MODEL_NAME: Final = 256
MAX_ALIAS: Final = 255
MAX_PATH: Final = 1_024
MAX_LOCATION: Final = 2_048
MAX_DESCRIPTION: Final = 100_000
MAX_DATASET_NAME: Final = 500
MAX_DATASET_DIGEST: Final = 128
MAX_DATASET_SOURCE: Final = 65_535
MAX_DATASET_SCHEMA: Final = 1_048_575
MAX_DATASET_PROFILE: Final = 16_777_215
MAX_INPUT_TAG_KEY: Final = 255
MAX_INPUT_TAG_VALUE: Final = 500

_WORKSPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])")
_ALIAS: Final = re.compile(r"[A-Za-z0-9_\-]{1,255}")
_RESERVED_ALIAS: Final = re.compile(r"latest|v[0-9]+", re.IGNORECASE)
_PORTABLE_KEY: Final = re.compile(r"[/\w.\- :]*")
# Fillers, blanks and variation selectors, which are no format characters and yet show nothing.
_INVISIBLE: Final = (
    ("\u034f", "\u034f"),
    ("\u115f", "\u1160"),
    ("\u17b4", "\u17b5"),
    ("\u180b", "\u180f"),
    ("\u2800", "\u2800"),
    ("\ufe00", "\ufe0f"),
    ("\U000e0100", "\U000e01ef"),
)
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
# MLflow's clients of 2025 name logged images so: digits and hexadecimals after its marks are no escapes.
_IMAGE: Final = re.compile(
    r"%step%-?[0-9]{1,20}%timestamp%[0-9]{1,20}%[0-9a-z\-]{36}(?:%compressed)?(?=\.[a-z]{1,8}\Z)"
)
_DRIVE_OR_SCHEME: Final = re.compile(r"[A-Za-z]:|[A-Za-z][A-Za-z0-9+.\-]*:/")


def check_text(value: object, field: str, *, max_length: int, allow_empty: bool = True) -> str:
    """`value` as a text that every database keeps unchanged; else InvalidArgument on `field`."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{field} must be a text.", field=field)
    if not value and not allow_empty:
        raise InvalidArgument(f"{field} must not be empty.", field=field)
    if len(value) > max_length:
        raise InvalidArgument(
            f"{field} has {len(value)} characters; the limit is {max_length}.", field=field
        )
    fault = text_fault(value)
    if fault is not None:
        raise InvalidArgument(f"{field} {fault}.", field=field)
    return value


def check_metric_key(value: object, field: str = "metric key") -> str:
    """A metric's key: any text of 1 to 250 characters, kept as it was sent."""
    return check_text(value, field, max_length=MAX_KEY, allow_empty=False)


def check_param_key(value: object, field: str = "param key") -> str:
    """A param's key: any text of 1 to 250 characters."""
    return check_text(value, field, max_length=MAX_KEY, allow_empty=False)


def check_tag_key(value: object, field: str = "tag key") -> str:
    """A tag's key: any text of 1 to 250 characters."""
    return check_text(value, field, max_length=MAX_KEY, allow_empty=False)


def check_param_value(value: object, field: str = "param value") -> str:
    """A param's value: any text, also an empty one, of at most 6,000 characters."""
    return check_text(value, field, max_length=MAX_PARAM_VALUE)


def check_tag_value(
    value: object, field: str = "tag value", *, max_length: int = MAX_TAG_VALUE
) -> str:
    """A tag's value: any text, also an empty one, of at most `max_length` characters."""
    return check_text(value, field, max_length=max_length)


def check_portable_key(value: object, field: str) -> str:
    """A key that is also a path: word characters, `/ . - :` and spaces, in POSIX normal form."""
    key = check_text(value, field, max_length=MAX_KEY, allow_empty=False)
    if _PORTABLE_KEY.fullmatch(key) is None:
        raise InvalidArgument(
            f"{field} {key!r} may hold letters, digits, '_', '-', '.', ':', '/' and spaces only.",
            field=field,
        )
    if not _is_normal(key):
        raise InvalidArgument(
            f"{field} {key!r} must be in normal form: no empty part, no '.' and no '..'.",
            field=field,
        )
    return key


def check_experiment_name(value: object, field: str = "name") -> str:
    """An experiment's name: not blank, at most 500 characters, no control characters."""
    return _title(value, field, MAX_EXPERIMENT_NAME)


def check_run_name(value: object, field: str = "run_name") -> str:
    """A run's name: not blank, at most 500 characters, no control characters."""
    return _title(value, field, MAX_RUN_NAME)


def check_workspace_name(value: object, field: str = "workspace") -> str:
    """A workspace's name: 2 to 63 of `a-z 0-9 -`, neither starting nor ending with a hyphen."""
    if not isinstance(value, str) or _WORKSPACE.fullmatch(value) is None:
        raise InvalidArgument(
            f"{field} must be 2 to 63 lower-case letters, digits and inner hyphens.", field=field
        )
    return value


def check_model_name(value: object, field: str = "name") -> str:
    r"""A registered model's name: one path part that no decoding turns into another name.

    At most 256 characters; no `/`, `\`, `:`, percent escape, control or invisible character; NFKC-normal.
    """
    name = _title(value, field, MAX_MODEL_NAME)
    if any(mark in name for mark in "/\\:") or name in {".", ".."}:
        raise InvalidArgument(f"{field} {name!r} must not hold '/', '\\' or ':'.", field=field)
    if name != name.strip():
        raise InvalidArgument(f"{field} {name!r} must not start or end with a space.", field=field)
    if any(_is_invisible(mark) for mark in name):
        raise InvalidArgument(
            f"{field} {name!a} holds a character that nobody sees: it would look like another name.",
            field=field,
        )
    if _ESCAPE.search(name) is not None or unicodedata.normalize("NFKC", name) != name:
        raise InvalidArgument(
            f"{field} {name!r} looks like another name once it is decoded; write it plainly.",
            field=field,
        )
    return name


def check_alias(value: object, field: str = "alias") -> str:
    """An alias: letters, digits, `_` and `-`; `latest` and `v<digits>` are reserved in any case."""
    if not isinstance(value, str) or _ALIAS.fullmatch(value) is None:
        raise InvalidArgument(
            f"{field} must be 1 to {MAX_ALIAS} letters, digits, '_' or '-'.", field=field
        )
    if _RESERVED_ALIAS.fullmatch(value) is not None:
        raise InvalidArgument(f"{field} {value!r} is reserved; choose another word.", field=field)
    return value


def check_protected(values: Collection[str], field: str = "protected") -> None:
    """Pass for legal aliases of which none is another spelling of another: a seat has one name."""
    for value in values:
        check_alias(value, field)
    if len({value.casefold() for value in values}) < len(set(values)):
        raise InvalidArgument(
            f"{field} names an alias in two spellings; it would have two champions.", field=field
        )


def check_artifact_path(value: object, field: str = "path", *, allow_root: bool = False) -> str:
    """A relative POSIX path in normal form, also after one and two rounds of percent-decoding.

    With `allow_root`, an empty text stands for the root folder.
    """
    path = check_text(value, field, max_length=MAX_PATH, allow_empty=allow_root)
    if not path:
        return path
    once = unquote(_IMAGE.sub("", path))
    for form in (path, once, unquote(once)):
        fault = _path_fault(form)
        if fault is not None:
            raise InvalidArgument(f"{field} {path[:200]!r} {fault}.", field=field)
    return path


def is_protected(alias: str, protected: frozenset[str]) -> bool:
    """Whether only a promotion or a rollback may move `alias`; letter case does not count."""
    return alias.casefold() in {name.casefold() for name in protected}


def _title(value: object, field: str, max_length: int) -> str:
    name = check_text(value, field, max_length=max_length, allow_empty=False)
    if not name.strip():
        raise InvalidArgument(f"{field} must not be blank.", field=field)
    if _has_control(name):
        raise InvalidArgument(f"{field} {name[:200]!r} holds a control character.", field=field)
    return name


def _has_control(text: str) -> bool:
    return any(unicodedata.category(mark) in {"Cc", "Cs", "Zl", "Zp"} for mark in text)


def _is_invisible(mark: str) -> bool:
    """Whether a character shows nothing, or turns the direction of what follows it."""
    return unicodedata.category(mark) == "Cf" or any(
        first <= mark <= last for first, last in _INVISIBLE
    )


def _is_normal(path: str) -> bool:
    return all(part not in {"", ".", ".."} for part in path.split("/"))


def _path_fault(path: str) -> str | None:
    if _has_control(path):
        return "holds a control character"
    if "\\" in path:
        return "holds a backslash; separate folders with '/'"
    if path.startswith("/") or _DRIVE_OR_SCHEME.match(path) is not None:
        return "must be relative"
    if not _is_normal(path):
        return "must be in normal form: no empty part, no '.' and no '..'"
    return None
