"""From the client's config to params, and to what `_wandb` says between the lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog

from assay.domain.canonical import text_fault
from assay.domain.lineage import param_text
from assay.domain.names import MAX_KEY, MAX_PARAM_VALUE

INTERNAL: Final = "_wandb"
MAX_PARAMS: Final = 10_000
MAX_DEPTH: Final = 16
_log = structlog.get_logger("assay.wandb")


def values_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without the client's wrapping of each value."""
    return {
        key: entry["value"] if isinstance(entry, dict) and "value" in entry else entry
        for key, entry in config.items()
    }


def params_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The flattened view: members of objects under dotted keys, each value as Python prints it.

    What no param can be is left out; the config itself keeps it.
    """
    found: dict[str, str] = {}
    for key, value in values_of(config).items():
        if key != INTERNAL:
            _flatten(found, key, value, 0)
    return found


def internal_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the client says of itself."""
    inside = values_of(config).get(INTERNAL)
    return inside if isinstance(inside, dict) else {}


def branch_point(config: Mapping[str, Any]) -> tuple[str, int] | None:
    """The run, by the client's name, and the step from which this one was forked."""
    branch = internal_of(config).get("branch_point")
    if not isinstance(branch, dict):
        return None
    name, step = branch.get("run_id"), branch.get("step")
    if not isinstance(name, str) or isinstance(step, bool) or not isinstance(step, int | float):
        return None
    return name, int(step)


def _flatten(found: dict[str, str], key: str, value: Any, depth: int) -> None:
    if isinstance(value, dict) and value and depth < MAX_DEPTH:
        for name, item in value.items():
            _flatten(found, f"{key}.{name}", item, depth + 1)
        return
    text = value if isinstance(value, str) else param_text(value)
    if (
        len(found) >= MAX_PARAMS
        or not 0 < len(key) <= MAX_KEY
        or len(text) > MAX_PARAM_VALUE
        or text_fault(key) is not None
        or text_fault(text) is not None
    ):
        _log.info("a config value is no param", key=key[:100])
        return
    found[key] = text
