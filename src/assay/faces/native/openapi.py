"""The OpenAPI document, made from the endpoint records and their types alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeGuard

import msgspec

from assay.domain.access import Action, who_may
from assay.faces.endpoint import Endpoint
from assay.faces.native.errors import STATUS

_PARAMETER = re.compile(r"\{(?P<name>\w+)(:\w+)?\}")


def document(endpoints: Sequence[Endpoint], version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of `endpoints`; the permission of each stands in `x-permission`."""
    types: list[Any] = sorted(
        {kind for e in endpoints for kind in (e.request, e.query, e.response) if _is_struct(kind)},
        key=lambda kind: str(kind.__name__),
    )
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    known = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = _PARAMETER.sub(r"{\g<name>}", endpoint.path)
        operation = _operation(endpoint, known, components)
        paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Assay", "version": version},
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _operation(
    endpoint: Endpoint, known: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.name.partition(".")[0]],
        "x-permission": endpoint.permission.value,
        "x-roles": _roles(endpoint.permission),
        "x-body-limit": endpoint.body_limit,
        "parameters": _parameters(endpoint, known, components),
        "responses": _responses(endpoint, known),
    }
    if endpoint.request is not None:
        schema = known.get(endpoint.request, {})
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    elif endpoint.body_limit:
        schema = {"type": "string", "format": "binary"}
        operation["requestBody"] = {"content": {"application/octet-stream": {"schema": schema}}}
    return operation


def _roles(permission: Action) -> list[str]:
    if permission is Action.PUBLIC:
        return ["everyone"]
    if permission is Action.IDENTIFY:
        return ["every credential"]
    return who_may(permission)


def _parameters(
    endpoint: Endpoint, known: dict[Any, Any], components: dict[str, Any]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": match["name"], "in": "path", "required": True, "schema": {"type": "string"}}
        for match in _PARAMETER.finditer(endpoint.path)
    ]
    if endpoint.query is not None:
        reference = known[endpoint.query]["$ref"].rpartition("/")[2]
        schema = components[reference]
        required = set(schema.get("required", ()))
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": field}
            for name, field in schema.get("properties", {}).items()
        ]
    return found


def _responses(endpoint: Endpoint, known: dict[Any, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done"}
    if _is_struct(endpoint.response):
        success["content"] = {"application/json": {"schema": known[endpoint.response]}}
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    statuses = sorted({str(status) for status in STATUS.values()})
    failures = {status: {"description": "Refused", "content": refused} for status in statuses}
    return {str(endpoint.status): success, **failures}


def _is_struct(kind: Any) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {"type": "string", "enum": [code.value for code in STATUS]},
                "message": {"type": "string"},
                "field": {"type": "string"},
                "details": {"type": "object"},
                "request_id": {"type": "string"},
            },
        }
    },
}
