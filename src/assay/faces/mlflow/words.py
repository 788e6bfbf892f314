"""Our refusals in the words that MLflow's clients, and scripts around them, look for.

Some callers tell one refusal from another by its text. So where MLflow has words of its own for what we
refuse, the message starts with them; what ours says beyond that follows. Whatever is not listed here
keeps its words.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Sequence
from typing import Final, NamedTuple

from assay.domain.errors import AppError, MalformedId

_TEXT: Final = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_DELETED: Final = r"must be in the 'active' state; it is deleted\. Restore it first\."
_STATE: Final = "must be in the 'active' state. Current state is deleted. Restore it first."


class _Rule(NamedTuple):
    """What a message of ours looks like, and what is said instead: `{1}` … are its groups."""

    ours: re.Pattern[str]
    theirs: str


def _rules(*pairs: tuple[str, str]) -> tuple[_Rule, ...]:
    return tuple(
        _Rule(re.compile(ours.replace("TEXT", _TEXT), re.DOTALL), theirs) for ours, theirs in pairs
    )


_OBJECTS: Final = _rules(
    (r"Run TEXT does not exist\.", "Run with id={1} not found."),
    (r"Experiment TEXT does not exist\.", "No Experiment with id={1} exists."),
    (r"Registered model TEXT does not exist\.", "Registered Model with name={1} not found."),
    (
        r"Model version (.+) of TEXT does not exist\.",
        "Model Version (name={2}, version={1}) not found.",
    ),
    (r"Logged model TEXT does not exist\.", "Logged model with ID '{1}' not found."),
    (r"Webhook TEXT does not exist\.", "Webhook with ID {1} not found."),
    (r"Run TEXT has no tag TEXT\.", "No tag with name: {2} in run with id {1}."),
    (r"Experiment TEXT has no tag TEXT\.", "No tag with name: {2} in experiment with id {1}."),
    (
        r"Logged model TEXT has no tag TEXT\.",
        "No tag with key '{2}' found for model with ID '{1}'.",
    ),
    (rf"Run TEXT {_DELETED}", f"The run {{1}} {_STATE}"),
    (r"Run TEXT is deleted; .*", f"The run {{1}} {_STATE}"),
    (
        r"The experiment of Run TEXT is deleted; .*",
        "The run {1} must be in the 'active' state. Its experiment is deleted. Restore it first.",
    ),
    (
        r"Changing param values is not allowed: TEXT was logged as TEXT and cannot become TEXT.*",
        (
            "Changing param values is not allowed. Param with key='{1}' was already logged with "
            "value='{2}'. Attempted logging new value '{3}'."
        ),
    ),
    (rf"Experiment TEXT {_DELETED}", f"The experiment {{1}} {_STATE}"),
    (rf"Experiment TEXT \((.+)\) {_DELETED}", f"The experiment {{2}} {_STATE}"),
    (
        r"There is no (.+) experiment TEXT; it is (.+)\.",
        "No Experiment with id={2} exists that is {1}; it is {3}.",
    ),
    # Of all routes only the upload of an artifact by a page has this limit.
    (
        r"The body is larger .* 10485760 bytes.*",
        "Artifact size is too large. Max size is 10MB. {0}",
    ),
    (
        r"(?:.*\.)?(\w+) has \d+ characters; the limit is (\d+)\.",
        "'{1}' exceeds the maximum length of {2} characters: {0}",
    ),
    (
        r"Registered model TEXT already exists\.",
        "Registered Model (name={1}) already exists.",
    ),
    (
        r"Experiment TEXT exists (already in the bin; restore it or choose another name)\.",
        "Experiment(name={1}) already exists in the bin; restore it or choose another name.",
    ),
    (
        r"Experiment TEXT exists; choose another name\.",
        "Experiment(name={1}) already exists. Choose another name.",
    ),
)

_FILTER: Final = _rules(
    (r".+ have no attribute TEXT; .*", "Invalid attribute key '{1}' specified. {0}"),
    (r".+ have no dataset TEXT; .*", "Invalid dataset key '{1}' specified. {0}"),
    (r"TEXT is not part of .*", "Invalid entity type '{1}'. {0}"),
    (
        r"TEXT is compared with a text in quotes\. Found: ['\"](\S+?)(?:\s.*)?['\"] at .*",
        (
            "Parameter value is either not quoted or unidentified quote types used for string "
            "value {2}. Use either single or double quotes. {0}"
        ),
    ),
    (r"TEXT is compared with a number\. Found: .*", "Expected numeric value type. {0}"),
    (
        r"A list holds .* Found: .*",
        (
            "While parsing a list in the query, expected a non-empty list of string values, but "
            "got ill-formed list. {0}"
        ),
    ),
    (
        r"TEXT \((?!param|tag)\w+\) is compared with .* Found: ['\"]IS (?i:NOT )?NULL.*",
        "IS NULL / IS NOT NULL is only supported for tags and params. {0}",
    ),
    (r"TEXT \(\w+\) is compared with .* Found: .*", "Invalid comparator. {0}"),
    (r".*", "Invalid clause(s) in filter string: {0}"),
)

_ORDER: Final = _rules(
    (r"TEXT is not an order: .*", "Invalid order_by clause '{1}'. {0}"),
    (r"model versions have no attribute TEXT; .*", "Invalid attribute key '{1}' specified. {0}"),
    (r"logged models have no .+ TEXT; .*", "Invalid order by field name: {1}. {0}"),
    (r".+ have no .+ TEXT; .*", "Invalid order by key '{1}' specified. {0}"),
    (r"TEXT is not part of .*", "Invalid order by key '{1}' specified. {0}"),
    (r"TEXT occurs twice in order_by\.", "`order_by` contains duplicate fields: {1}. {0}"),
)

_TOKEN: Final = _rules(
    (r"page_token is not one .*", "Invalid page token, could not base64-decode it. {0}"),
    (r".*", "Invalid page token. {0}"),
)

_URL: Final = _rules(
    (r"url must start with .*", "Invalid webhook URL scheme. {0}"),
    (r".*", "Invalid webhook URL: {0}"),
)

_EVENTS: Final = _rules((r".*", "Webhook events must be a non-empty list of events. {0}"))

_EXPERIMENT_NAME: Final = _rules(
    (r"Experiment TEXT does not exist\.", "Could not find experiment with name '{1}'."),
)

_NAME: Final = _rules(
    (r"name must be 1 to 63 letters, .*", "Webhook name is invalid. {0}"),
    (r"name TEXT must not hold '/', .*", "Invalid model name '{1}'. {0}"),
    (r"name TEXT must not be blank, nor hold .*", "Invalid model name ({1!r}) provided. {0}"),
)

_BY_FIELD: Final = {
    "filter": _FILTER,
    "order_by": _ORDER,
    "page_token": _TOKEN,
    "url": _URL,
    "events": _EVENTS,
    "name": (*_EXPERIMENT_NAME, *_NAME, *_OBJECTS),
}

_MALFORMED: Final = {
    "run_id": "Run with id={given} not found: {0}",
    "model_id": "Logged model with ID '{given}' not found: {0}",
    "experiment_id": "No Experiment with id={given} exists: {0}",
    "version": "Model Version (version={given}) not found: {0}",
}


def reworded(error: AppError) -> str:
    """The message of an error as MLflow would begin it; ours where it has none."""
    message = error.message
    if isinstance(error, MalformedId) and error.field in _MALFORMED:
        return _MALFORMED[error.field].format(message, given=error.given)
    return _apply(_BY_FIELD.get(error.field or "", _OBJECTS), message)


def _apply(rules: Sequence[_Rule], message: str) -> str:
    for rule in rules:
        match = rule.ours.fullmatch(message)
        if match is not None:
            return rule.theirs.format(message, *(_plain(group) for group in match.groups()))
    return message


def _plain(group: str | None) -> str:
    """A group as it is meant: what was shown as a literal is read as one."""
    text = group or ""
    if text[:1] not in {"'", '"'}:
        return text
    try:
        return str(literal_eval(text))
    except (ValueError, SyntaxError):
        return text
