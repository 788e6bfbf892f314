"""How large and how deep a GraphQL document may be, fragments written out, before any of it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from assay.domain.errors import InvalidArgument, LimitExceeded

MAX_DEPTH: Final = 24
MAX_FIELDS: Final = 2_000
MAX_TWINS: Final = 20
"""How often one selection set may ask for the same field, under whichever aliases."""

MAX_ROOT_MUTATIONS: Final = 5
MAX_OPERATIONS: Final = 10
MAX_INTROSPECTION_LISTS: Final = 3
_INTROSPECTION: Final = frozenset({"__schema", "__type"})
_LISTS: Final = frozenset(
    {"types", "fields", "inputFields", "args", "possibleTypes", "interfaces", "directives"}
)


def check_document(document: DocumentNode, operation: OperationDefinitionNode) -> None:
    """Pass, or LimitExceeded for what is too deep, too large or asks for one thing too often.

    Raises InvalidArgument for a fragment that holds itself.
    """
    fragments = {
        part.name.value: part
        for part in document.definitions
        if isinstance(part, FragmentDefinitionNode)
    }
    _Walk(fragments).selections(operation.selection_set, depth=1)


class _Walk:
    """One pass over a document with its fragments written out; it stops at the first excess."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._inside: set[str] = set()
        self._seen = 0

    def selections(self, chosen: SelectionSetNode, *, depth: int, lists: int | None = None) -> None:
        if depth > MAX_DEPTH:
            raise LimitExceeded(f"The query is nested deeper than {MAX_DEPTH}.", limit=MAX_DEPTH)
        self._level(chosen, depth, lists, Counter())

    def _level(
        self, chosen: SelectionSetNode, depth: int, lists: int | None, twins: Counter[str]
    ) -> None:
        for node in chosen.selections:
            self._count()
            if isinstance(node, FieldNode):
                self._field(node, depth, lists, twins)
            elif isinstance(node, InlineFragmentNode):
                self._level(node.selection_set, depth, lists, twins)
            elif isinstance(node, FragmentSpreadNode):
                self._spread(node.name.value, depth, lists, twins)

    def _spread(self, name: str, depth: int, lists: int | None, twins: Counter[str]) -> None:
        fragment = self._fragments.get(name)
        if fragment is None:
            raise InvalidArgument(f"There is no fragment {name[:100]!r}.", field="query")
        if name in self._inside:
            raise InvalidArgument(f"Fragment {name[:100]!r} holds itself.", field="query")
        self._inside.add(name)
        self._level(fragment.selection_set, depth, lists, twins)
        self._inside.discard(name)

    def _field(self, node: FieldNode, depth: int, lists: int | None, twins: Counter[str]) -> None:
        name = node.name.value
        if node.selection_set is None:
            return
        twins[name] += 1
        if twins[name] > MAX_TWINS:
            raise LimitExceeded(
                f"The query asks for {name[:100]!r} more than {MAX_TWINS} times in one place.",
                limit=MAX_TWINS,
            )
        if name in _INTROSPECTION:
            lists = 0
        elif lists is not None and name in _LISTS:
            lists += 1
            if lists > MAX_INTROSPECTION_LISTS:
                raise LimitExceeded(
                    "The query asks for lists of the schema within lists within lists.",
                    limit=MAX_INTROSPECTION_LISTS,
                )
        self.selections(node.selection_set, depth=depth + 1, lists=lists)

    def _count(self) -> None:
        self._seen += 1
        if self._seen > MAX_FIELDS:
            raise LimitExceeded(
                f"The query has more than {MAX_FIELDS} fields, fragments written out.",
                limit=MAX_FIELDS,
            )
