"""The installed MLflow's own list of routes against what is answered, refused and documented here."""

import re

import pytest

from tests.faces.mlflow.wire_calls import ANSWERED, PAGES, refused_calls

OUTSIDE = {"GET /graphql", "POST /graphql"}
"""Documented apart: the path speaks another protocol here."""


def test_no_route_of_the_installed_mlflow_is_forgotten() -> None:
    """Each is answered, or is refused by name. The client's package alone brings no server."""
    handlers = pytest.importorskip("mlflow.server.handlers", exc_type=ImportError)
    refused = [call for calls in refused_calls().values() for call in calls]
    known = {*ANSWERED, *PAGES, *refused}
    known |= {call.replace(" /api/", " /ajax-api/") for call in known}

    forgotten = []
    for path, _, methods, *_ in handlers.get_endpoints():
        shape = re.compile(re.sub(r"<path:[^>]*>|<[^>]*>", r".+", path))
        for method in methods:
            served = any(
                verb == method and shape.fullmatch(target)
                for verb, target in (call.split() for call in known)
            )
            if not served and f"{method} {path}" not in OUTSIDE:
                forgotten.append(f"{method} {path}")

    assert forgotten == []
