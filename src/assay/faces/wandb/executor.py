"""Running GraphQL documents: lenient about what is selected, strict about what is changed.

A selection that the schema does not know answers null and is logged: newer clients ask for more than
older ones did. A mutation that the schema does not know is refused. Nothing here looks at the name
that a client gave to its operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from importlib import resources
from typing import Any, Final

import structlog
from graphql import (
    REMOVE,
    DocumentNode,
    ExecutionContext,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    InlineFragmentNode,
    NamedTypeNode,
    NameNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    Visitor,
    build_schema,
    execute_sync,
    get_named_type,
    is_input_type,
    parse,
    type_from_ast,
    visit,
)
from graphql.execution.execute import get_field_def
from graphql.pyutils import Path

from assay.domain.errors import AppError, Internal, InvalidArgument, LimitExceeded
from assay.faces.wandb.ask import Ask, Resolver, Resolvers
from assay.faces.wandb.bounds import MAX_OPERATIONS, MAX_ROOT_MUTATIONS, check_document

MAX_QUERY_CHARS: Final = 100_000
MAX_TOKENS: Final = 10_000
MAX_VARIABLE_DEPTH: Final = 32
_ANY: Final = "JSON"
_log = structlog.get_logger("assay.wandb")


class Executor:
    """A schema with its resolvers. `run` answers one request."""

    def __init__(self, resolver_maps: Sequence[Resolvers]) -> None:
        self.schema = build_schema(_sdl())
        for resolvers in resolver_maps:
            self._attach(resolvers)
        self._prepared = lru_cache(maxsize=256)(self._prepare)

    def run(
        self, ask: Ask, query: str, variables: Mapping[str, Any], operation_name: str | None
    ) -> tuple[Any, list[AppError]]:
        """The data, and the refusals that stand behind its nulls.

        Raises InvalidArgument for a document or variables that make no sense, LimitExceeded.
        """
        if len(query) > MAX_QUERY_CHARS:
            raise LimitExceeded(
                f"The query is longer than {MAX_QUERY_CHARS} characters.", limit=MAX_QUERY_CHARS
            )
        document, operation = self._prepared(query, operation_name or None)
        ask.is_mutation = operation.operation is OperationType.MUTATION
        result = execute_sync(
            self.schema,
            document,
            context_value=ask,
            variable_values=self._known_variables(operation, variables),
            operation_name=operation_name or None,
            execution_context_class=_Lenient,
        )
        return result.data, _refusals(result)

    def _attach(self, resolvers: Resolvers) -> None:
        for type_name, fields in resolvers.items():
            kind = self.schema.get_type(type_name)
            if not isinstance(kind, GraphQLObjectType):
                raise TypeError(f"the schema has no object type {type_name}")
            for name, resolver in fields.items():
                if kind.fields[name].resolve is not None:
                    raise ValueError(f"two resolvers claim {type_name}.{name}")
                kind.fields[name].resolve = partial(_resolve, resolver)

    def _prepare(
        self, query: str, operation_name: str | None
    ) -> tuple[DocumentNode, OperationDefinitionNode]:
        try:
            document = parse(query, no_location=True, max_tokens=MAX_TOKENS)
        except (GraphQLError, RecursionError) as error:
            msg = f"The query is not GraphQL: {str(error)[:200]}"
            raise InvalidArgument(msg, field="query") from None
        operation = _operation(document, operation_name)
        check_document(document, operation)
        if operation.operation is OperationType.MUTATION:
            self._check_mutation(operation)
        for definition in operation.variable_definitions:
            self._loosen(definition)
        info = TypeInfo(self.schema)
        document = visit(document, TypeInfoVisitor(info, _DropUnknownMembers(info)))
        return document, _operation(document, operation_name)

    def _check_mutation(self, operation: OperationDefinitionNode) -> None:
        roots = operation.selection_set.selections
        if len(roots) > MAX_ROOT_MUTATIONS:
            raise LimitExceeded(
                f"A request may hold at most {MAX_ROOT_MUTATIONS} mutations.",
                limit=MAX_ROOT_MUTATIONS,
            )
        known = self.schema.mutation_type
        assert known is not None
        for node in roots:
            if not isinstance(node, FieldNode):
                raise InvalidArgument("Mutations are written out, not in fragments.", field="query")
            name = node.name.value
            field = known.fields.get(name)
            # One without a resolver would answer null, upon which the client falls over.
            if (field is None or field.resolve is None) and name != "__typename":
                _log.warning("unknown mutation", mutation=name[:100])
                raise InvalidArgument(
                    f"This server has no mutation {name[:100]!r}; nothing was changed.",
                    field="query",
                )

    def _loosen(self, definition: VariableDefinitionNode) -> None:
        """Let a variable of a type that the schema does not know carry any JSON."""
        kind = type_from_ast(self.schema, definition.type)
        if kind is None or not is_input_type(kind):
            _log.info("unknown type of a variable", variable=definition.variable.name.value[:100])
            definition.type = NamedTypeNode(name=NameNode(value=_ANY))

    def _known_variables(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The variables without the members that input types of ours do not have."""
        known = dict(variables)
        for definition in operation.variable_definitions:
            name = definition.variable.name.value
            if name in known:
                kind = type_from_ast(self.schema, definition.type)
                known[name] = _pruned(kind, known[name], 0)
        return known


class _Lenient(ExecutionContext):
    """Execution in which an unknown field is null."""

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, field_nodes: list[FieldNode], path: Path
    ) -> Any:
        if get_field_def(self.schema, parent_type, field_nodes[0]) is None:
            _log.info(
                "unknown selection", type=parent_type.name, field=field_nodes[0].name.value[:100]
            )
            return None
        answer = super().execute_field(parent_type, source, field_nodes, path)
        if answer is None and field_nodes[0].name.value == "__type":
            return self._empty_type(field_nodes)
        return answer

    def _empty_type(self, field_nodes: list[FieldNode]) -> dict[str, Any]:
        """A type without members: clients up to 0.18 cannot bear to hear that there is none."""
        lists = {"fields", "inputFields", "enumValues", "interfaces", "possibleTypes"}
        return {
            (node.alias or node.name).value: [] if node.name.value in lists else None
            for field in field_nodes
            for node in (field.selection_set.selections if field.selection_set else ())
            if isinstance(node, FieldNode)
        }


class _DropUnknownMembers(Visitor):
    """Takes members that an input type of ours does not have out of a document."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> Any:
        """Called by the visit; None leaves the member where it is."""
        kind = get_named_type(self._info.get_parent_input_type())
        if isinstance(kind, GraphQLInputObjectType) and node.name.value not in kind.fields:
            _log.info("unknown member of an input", type=kind.name, member=node.name.value[:100])
            return REMOVE
        return None


def selected(info: GraphQLResolveInfo) -> frozenset[str]:
    """The names of the fields that are asked for directly below the field that is being resolved."""
    names: set[str] = set()
    stack = [node.selection_set for node in info.field_nodes]
    while stack:
        chosen = stack.pop()
        for node in chosen.selections if chosen is not None else ():
            if isinstance(node, FieldNode):
                names.add(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                stack.append(node.selection_set)
            else:
                stack.append(info.fragments[node.name.value].selection_set)  # type: ignore[attr-defined]
    return frozenset(names)


def _resolve(resolver: Resolver, source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    ask: Ask = info.context
    ask.info = info
    return resolver(source, ask, arguments)


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
    if not 1 <= len(found) <= MAX_OPERATIONS:
        raise InvalidArgument(
            f"A document holds 1 to {MAX_OPERATIONS} operations, not {len(found)}.", field="query"
        )
    if name is not None:
        found = [part for part in found if part.name is not None and part.name.value == name]
    if len(found) != 1:
        raise InvalidArgument(
            "operationName must name one operation of the document.", field="operationName"
        )
    if found[0].operation is OperationType.SUBSCRIPTION:
        raise InvalidArgument("This server has no subscriptions.", field="query")
    return found[0]


def _pruned(kind: Any, value: Any, depth: int) -> Any:
    if depth > MAX_VARIABLE_DEPTH:
        raise LimitExceeded("A variable is nested too deeply.", limit=MAX_VARIABLE_DEPTH)
    if isinstance(kind, GraphQLNonNull):
        return _pruned(kind.of_type, value, depth)
    if isinstance(kind, GraphQLList) and isinstance(value, list):
        return [_pruned(kind.of_type, item, depth + 1) for item in value]
    if isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
        for name in value.keys() - kind.fields.keys():
            if value[name] is not None:
                _log.info("unknown member of an input", type=kind.name, member=name[:100])
        return {
            name: _pruned(kind.fields[name].type, item, depth + 1)
            for name, item in value.items()
            if name in kind.fields
        }
    return value


def _refusals(result: ExecutionResult) -> list[AppError]:
    refusals: list[AppError] = []
    for error in result.errors or ():
        origin = error.original_error
        if isinstance(origin, AppError):
            refusals.append(origin)
        elif origin is None or isinstance(origin, GraphQLError):
            refusals.append(InvalidArgument(error.message[:500], field="query"))
        else:
            _log.error("a resolver failed", path=error.path, exc_info=origin)
            refusals.append(Internal("Internal error. The server's log has the detail."))
    return refusals


def _sdl() -> str:
    folder = resources.files("assay.faces.wandb.schema")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".graphql")),
        key=lambda file: file.name,
    )
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
