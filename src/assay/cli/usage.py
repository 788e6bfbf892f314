"""Wrong usage in one sentence: the flag or argument, what is wrong with it, and what it takes."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    ValidationError,
)
from cyclopts.exceptions import ConsumeMultipleError, UnusedCliTokensError

_TAKES = {int: "a whole number", float: "a number"}


def sentence_of(error: CycloptsError) -> str:
    """The sentence; the parser's own where it is as good."""
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        return _unknown_command(error.unused_tokens[0], list(error.app or ()))
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"There is no place for {', '.join(map(repr, error.unused_tokens))} here."
    if isinstance(error, MissingArgumentError) and not isinstance(error, ConsumeMultipleError):
        return _missing(error)
    if isinstance(error, CoercionError) and error.token and error.target_type in _TAKES:
        takes = _TAKES[error.target_type]
        return f"{_name(error)} takes {takes}, not {error.token.value!r}."
    if isinstance(error, ValidationError) and error.argument and error.exception_message:
        return f"{_name(error)} {error.exception_message}"
    return str(error).strip()


def _missing(error: MissingArgumentError) -> str:
    name = _name(error)
    was_given = error.keyword is not None or any(t.keyword for t in error.argument.tokens)  # type: ignore[union-attr]
    if was_given:
        return f"{name} needs a value."
    flags = [word for word in error.unused_tokens or () if word.startswith("-")]
    mistyped = get_close_matches(name, flags, n=1)
    hint = f" Did you mean that by {mistyped[0]}?" if mistyped else ""
    return f"{name} is missing.{hint}"


def _name(error: Any) -> str:
    """The flag as it was typed, or the argument as the help names it."""
    token = getattr(error, "token", None) or next(iter(error.argument.tokens), None)
    typed = getattr(error, "keyword", None) or (token.keyword if token else None)
    return str(typed or error.argument.name)


def _unknown_command(word: str, known: list[str]) -> str:
    # As the parser would say it, but without loading every command's module to do so.
    near = get_close_matches(word, [name for name in known if not name.startswith("-")], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no command {word!r}.{hint}"
