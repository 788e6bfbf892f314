"""Identifiers: how they are minted from given random bytes, and which ones are legal."""

from __future__ import annotations

import re
from typing import Final

from assay.domain.errors import InvalidArgument, MalformedId

ID_BYTES: Final = 16
"""How many random bytes an identifier is minted from."""

_HEX_ID: Final = re.compile(r"[0-9a-f]{32}")
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,255}")
_EXPERIMENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,63}")
_MODEL_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
_SHOWN: Final = 300
_WHOLE: Final = re.compile(r"-?[0-9]+")


def mint_id(random_bytes: bytes, prefix: str = "") -> str:
    """`prefix` and 32 hexadecimal digits, from 16 random bytes."""
    if len(random_bytes) != ID_BYTES:
        raise ValueError(f"an id is minted from {ID_BYTES} bytes, not {len(random_bytes)}")
    return prefix + random_bytes.hex()


def mint_run_id(random_bytes: bytes) -> str:
    """A run id: 32 hexadecimal digits."""
    return mint_id(random_bytes)


def mint_model_id(random_bytes: bytes) -> str:
    """A logged model's id: `m-` and 32 hexadecimal digits."""
    return mint_id(random_bytes, "m-")


def parse_run_id(text: object, field: str = "run_id") -> str:
    """`text` as a run id, ours or one that a client chose; otherwise MalformedId."""
    return _match_id(_RUN_ID, text, field, "letters, digits, '_' and '-', at most 256 characters")


def parse_experiment_id(text: object, field: str = "experiment_id") -> str:
    """`text` as an experiment id; otherwise MalformedId."""
    return _match_id(
        _EXPERIMENT_ID, text, field, "letters, digits, '_' and '-', at most 64 characters"
    )


def parse_model_id(text: object, field: str = "model_id") -> str:
    """`text` as a logged model's id; otherwise MalformedId."""
    return _match_id(_MODEL_ID, text, field, "'m-' and 32 hexadecimal digits")


def parse_hex_id(text: object, field: str) -> str:
    """`text` as 32 lower-case hexadecimal digits; otherwise InvalidArgument."""
    return _match(_HEX_ID, text, field, "32 hexadecimal digits")


def parse_digest(text: object, field: str = "digest") -> str:
    """A SHA-256 as 64 lower-case digits, a leading `sha256:` dropped; otherwise InvalidArgument."""
    bare = text.removeprefix("sha256:") if isinstance(text, str) else text
    return _match(_DIGEST, bare, field, "a SHA-256 digest: 64 lower-case hexadecimal digits")


def parse_version(value: object, field: str = "version") -> int:
    """A version number from 1, given as an integer or as text; MalformedId for another whole number.

    Raises InvalidArgument for anything else.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    rule = "a whole number from 1"
    if isinstance(text, str) and _WHOLE.fullmatch(text) is not None:
        return int(_match_id(_VERSION, text, field, rule))
    return int(_match(_VERSION, text, field, rule))


def _match(pattern: re.Pattern[str], text: object, field: str, rule: str) -> str:
    if not isinstance(text, str) or pattern.fullmatch(text) is None:
        raise InvalidArgument(f"{field} must be {rule}.", field=field)
    return text


def _match_id(pattern: re.Pattern[str], text: object, field: str, rule: str) -> str:
    if not isinstance(text, str) or pattern.fullmatch(text) is None:
        given = text[:_SHOWN] if isinstance(text, str) else ""
        raise MalformedId(f"{field} must be {rule}.", field=field, given=given)
    return text
