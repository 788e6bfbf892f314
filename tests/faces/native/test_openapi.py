"""The API's document: made from the endpoint records, whole and consistent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from assay.faces.native.openapi import document
from assay.faces.native.routes import ENDPOINTS


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    """The document as a client reads it."""
    read: dict[str, Any] = json.loads(json.dumps(document(ENDPOINTS, "1")))
    return read


def operations(api: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every operation with its path."""
    return [(path, found) for path, methods in api["paths"].items() for found in methods.values()]


def references(value: object) -> Iterator[str]:
    """Every `$ref` below `value`."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_endpoint_is_in_the_document_once(api: dict[str, Any]) -> None:
    """What can be called is described, with the permission that it asks for."""
    described = {found["operationId"]: found["x-permission"] for _, found in operations(api)}

    assert described == {endpoint.name: endpoint.permission.value for endpoint in ENDPOINTS}
    assert len(operations(api)) == len(ENDPOINTS)


def test_every_reference_of_the_document_leads_somewhere(api: dict[str, Any]) -> None:
    """A schema that is referred to is in the components."""
    known = {f"#/components/schemas/{name}" for name in api["components"]["schemas"]}

    assert known.issuperset(references(api["paths"]))
    assert known.issuperset(references(api["components"]))


def test_every_path_parameter_is_declared(api: dict[str, Any]) -> None:
    """The names in a path's braces are exactly the parameters that stand in the path."""
    for path, found in operations(api):
        declared = {p["name"] for p in found["parameters"] if p["in"] == "path"}
        assert declared == {part.partition("}")[0] for part in path.split("{")[1:]}, path
