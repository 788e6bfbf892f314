"""MLflow's limits on keys and values: what is refused, and what is cut."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from assay.domain.errors import InvalidArgument
from assay.domain.names import (
    MAX_KEY,
    MAX_PARAM_VALUE,
    MAX_REGISTRY_TAG_VALUE,
    MAX_TAG_VALUE,
    check_portable_key,
)
from assay.faces.mlflow.wire import Int64, Message, Required, invalid

MAX_METRICS: Final = 1_000
MAX_PARAMS: Final = 100
MAX_TAGS: Final = 100
MAX_ENTITIES: Final = 1_000
_CHARACTERS: Final = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
    "colon(:) and slashes (/)."
)
_AS_FILES: Final = (
    "Names may be treated as files in certain cases, and must not resolve to other names then."
)
_KNOWN_KEYS: Final = 8_192


class KeyValue(Message):
    """A param or a tag as it is sent."""

    key: Required
    value: str = ""


class MetricValue(Message):
    """A point of a metric as it is sent."""

    key: Required
    value: float
    timestamp: Int64
    step: Int64 = 0
    dataset_name: str | None = None
    dataset_digest: str | None = None
    model_id: str | None = None
    run_id: str | None = None


def check_key(key: str, path: str) -> str:
    """A key that MLflow takes for a metric, param or tag; InvalidArgument names `path` otherwise."""
    if not is_legal_key(key):
        raise _bad_key(key, path)
    return key


def params_of(given: Iterable[KeyValue], path: str = "params") -> dict[str, str]:
    """Params by key, long values cut. Raises InvalidArgument for a key that is illegal or occurs twice."""
    found: dict[str, str] = {}
    for index, param in enumerate(given):
        check_key(param.key, f"{path}[{index}].key")
        if param.key in found:
            msg = (
                f"Duplicate parameter keys have been submitted: [{param.key!r}]. "
                "Send one value for each key."
            )
            raise InvalidArgument(msg, field=path)
        found[param.key] = param.value[:MAX_PARAM_VALUE]
    return found


def tags_of(
    given: Iterable[KeyValue], path: str = "tags", *, longest: int | None = MAX_TAG_VALUE
) -> dict[str, str]:
    """Tags by key; of one key the last counts. Values are cut to `longest` (None: left as they are)."""
    found: dict[str, str] = {}
    for index, tag in enumerate(given):
        check_key(tag.key, f"{path}[{index}].key")
        found[tag.key] = tag.value[:longest]
    return found


def registry_tags_of(given: Iterable[KeyValue]) -> dict[str, str]:
    """Tags of a registered model or version. Raises InvalidArgument for a value that is too long."""
    found = tags_of(given, longest=None)
    for key, value in found.items():
        if len(value) > MAX_REGISTRY_TAG_VALUE:
            msg = (
                f"'value' exceeds the maximum length of {MAX_REGISTRY_TAG_VALUE} characters "
                f"(tag {key!r})"
            )
            raise InvalidArgument(msg, field="value")
    return found


def check_batch(metrics: int, params: int, tags: int) -> None:
    """Refuse more than MLflow takes in one batch."""
    for count, most, noun in (
        (metrics, MAX_METRICS, "metrics"),
        (params, MAX_PARAMS, "params"),
        (tags, MAX_TAGS, "tags"),
        (metrics + params + tags, MAX_ENTITIES, "metrics, params, and tags"),
    ):
        if count > most:
            msg = (
                f"A batch logging request can contain at most {most} {noun}. Got {count} {noun}. "
                "Split it up over several requests."
            )
            raise InvalidArgument(msg, field=noun.partition(",")[0])


@lru_cache(maxsize=_KNOWN_KEYS)
def is_legal_key(key: str) -> bool:
    """Whether `check_key` passes it."""
    try:
        check_portable_key(key, "key")
    except InvalidArgument:
        return False
    return True


def _bad_key(key: str, path: str) -> InvalidArgument:
    if len(key) > MAX_KEY:
        msg = f"'{path}' exceeds the maximum length of {MAX_KEY} characters"
        return InvalidArgument(msg, field=path)
    try:
        check_portable_key(key, path)
    except InvalidArgument as error:
        words = _AS_FILES if "normal form" in error.message else _CHARACTERS
        return invalid(path, key, f"{words} {error.message}")
    return invalid(path, key)
