"""Prompts, which MLflow keeps among the registered models under a tag: when a search shows them."""

from __future__ import annotations

from typing import Final

from assay.domain.filters import Comparison, Grammar, parse_filter
from assay.domain.registry import PROMPT_TAG

_TRUE: Final = "true"


def split_filter(text: str, grammar: Grammar) -> tuple[str, str | None]:
    """The filter without what it says about prompts, and the tag whose bearers are left out.

    Clients ask for everything but prompts with `!= 'true'`, which would find only what has the tag.
    A filter that asks for prompts is left as it is.
    """
    if PROMPT_TAG not in text:
        return text, PROMPT_TAG
    clauses = parse_filter(text, grammar)
    about_prompts = [clause for clause in clauses if _is_about_prompts(clause)]
    if not about_prompts:
        return text, PROMPT_TAG
    if any(clause.operator == "=" and clause.value == _TRUE for clause in about_prompts):
        return text, None
    others = [clause for clause in clauses if not _is_about_prompts(clause)]
    return " AND ".join(_written(clause) for clause in others), PROMPT_TAG


def _is_about_prompts(clause: Comparison) -> bool:
    return clause.entity == "tag" and clause.key == PROMPT_TAG


def _written(clause: Comparison) -> str:
    mark = '"' if "`" in clause.key else "`"
    start = f"{clause.entity}.{mark}{clause.key}{mark} {clause.operator}"
    value = clause.value
    if value is None:
        return start
    if isinstance(value, str):
        return f"{start} {_quoted(value)}"
    if isinstance(value, tuple):
        return f"{start} ({', '.join(map(_quoted, value))})"
    return f"{start} {value!r}"


def _quoted(text: str) -> str:
    # A text with a double quote stood in single quotes, where a single one occurs doubled only.
    return f"'{text}'" if '"' in text else f'"{text}"'
