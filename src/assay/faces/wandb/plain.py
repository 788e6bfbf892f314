"""Small addresses outside GraphQL: readiness, the telemetry that is not taken, and links of the client.

The client prints links such as `/{entity}/{project}/runs/{id}`. They lead to the page's own addresses. First
parts that belong to the page or to a face are no entities, so nothing of theirs is shadowed.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from assay.domain.access import Action
from assay.domain.errors import NotFound
from assay.faces.addresses import base_url
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint

RESERVED: Final = (
    "ajax-api",
    "api",
    "artifacts",
    "artifactsV2",
    "assets",
    "collections",
    "compare",
    "experiments",
    "files",
    "fonts",
    "gates",
    "get-artifact",
    "graphql",
    "ledger",
    "lineage",
    "model-versions",
    "models",
    "oidc",
    "open",
    "runs",
    "sdk",
    "settings",
    "static",
    "storage",
    "v1",
)
"""First parts of paths that are never a workspace here."""


class _Entity(Convertor[str]):
    """A workspace's name that is no first part of an address of ours."""

    regex = rf"(?!(?:{'|'.join(map(re.escape, RESERVED))})/)[a-z0-9][a-z0-9-]{{0,61}}[a-z0-9]"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("entity", _Entity())


def ready(call: Call) -> PlainTextResponse:
    """200 when the database answers."""
    with call.services.platform.database.read() as tx:
        tx.driver("SELECT 1")
    return PlainTextResponse("OK")


def no_telemetry(call: Call) -> Any:
    """404, upon which the client stops to send."""
    raise NotFound(f"{call.request.url.path[:100]} is not served: no telemetry is taken here.")


def no_exchange(_: Call) -> Any:
    """404: keys are made here, not exchanged for identities of others."""
    raise NotFound("Identity tokens are not exchanged here: use an API token as WANDB_API_KEY.")


def preflight(_: Call) -> Response:
    """What pages elsewhere may do at signed addresses: read."""
    headers = {
        "access-control-allow-headers": "range",
        "access-control-allow-methods": "GET",
        "access-control-allow-origin": "*",
        "access-control-max-age": "3600",
    }
    return Response(status_code=204, headers=headers)


def to_page(call: Call) -> Response:
    """To the page, which looks the name up as whoever is signed in there, and says so if it is none."""
    return _to(call, "/open" + quote(call.request.url.path))


def to_settings(call: Call) -> Response:
    """To where a credential is made, which `wandb login` asks for."""
    return _to(call, "/settings")


def _to(call: Call, path: str) -> Response:
    return RedirectResponse(base_url(call.request) + path, 302)


def _get(path: str, name: str, summary: str, handler: Any) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        name=f"wandb.{name}",
        summary=summary,
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=handler,
    )


ENDPOINTS: Final = (
    _get("/ready", "ready", "200 when the server is ready", ready),
    _get("/healthz", "healthz", "200 when the server is ready", ready),
    _get("/authorize", "authorize", "Leads to where a credential is made", to_settings),
    _get("/{entity:entity}/{project}", "project_link", "Leads to a project's page", to_page),
    _get(
        "/{entity:entity}/{project}/workspace",
        "workspace_link",
        "Leads to a project's page",
        to_page,
    ),
    _get("/{entity:entity}/{project}/runs/{run}", "run_link", "Leads to a run's page", to_page),
    _get(
        "/{entity:entity}/{project}/runs/{run}/{section}",
        "run_section_link",
        "Leads to a run's page",
        to_page,
    ),
    _get(
        "/{entity:entity}/{project}/sweeps/{sweep}",
        "sweep_link",
        "Leads to a project's page",
        to_page,
    ),
    _get(
        "/{entity:entity}/{project}/artifacts/{rest:path}",
        "artifact_link",
        "Leads to a collection's page",
        to_page,
    ),
    Endpoint(
        method="POST",
        path="/sdk/otel/{rest:path}",
        name="wandb.telemetry",
        summary="Not served: no telemetry is taken",
        permission=Action.PUBLIC,
        body_limit=SMALL_BODY,
        handler=no_telemetry,
    ),
    Endpoint(
        method="POST",
        path="/oidc/token",
        name="wandb.exchange_token",
        summary="Not served: identity tokens are not exchanged",
        permission=Action.PUBLIC,
        body_limit=SMALL_BODY,
        handler=no_exchange,
    ),
    Endpoint(
        method="OPTIONS",
        path="/storage/{purpose}/{token}/{name}",
        name="wandb.preflight",
        summary="What pages elsewhere may do at a signed address: read",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=preflight,
    ),
)
