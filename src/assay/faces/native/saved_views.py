"""Routes of saved views: arrangements of an experiment's runs that people named and share."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.domain.access import Action
from assay.domain.saved_view import SavedView
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint


class SavedViewAnswer(msgspec.Struct):
    """A view; `state` is what the page kept in its address when it was saved."""

    name: str
    state: msgspec.Raw
    created_by: str
    created_at_ms: int
    updated_at_ms: int


class SavedViewsAnswer(msgspec.Struct):
    """The views of an experiment by name."""

    views: list[SavedViewAnswer]


class SavedViewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What the view shows: a JSON object that only pages read."""

    state: dict[str, Any]


def list_views(call: Call) -> SavedViewsAnswer:
    """Every view of the experiment."""
    found = call.services.saved_views.list(call.context, call.path["experiment_id"])
    return SavedViewsAnswer([_answer(view) for view in found])


def save_view(call: Call, body: SavedViewRequest) -> SavedViewAnswer:
    """Keep a view, or give it another state."""
    state = msgspec.json.encode(body.state).decode()
    path = call.path
    return _answer(
        call.services.saved_views.save(call.context, path["experiment_id"], path["name"], state)
    )


def delete_view(call: Call) -> None:
    """Remove a view."""
    call.services.saved_views.delete(call.context, call.path["experiment_id"], call.path["name"])


def _answer(view: SavedView) -> SavedViewAnswer:
    return SavedViewAnswer(
        view.name,
        msgspec.Raw(view.state.encode()),
        view.created_by,
        view.created_at_ms,
        view.updated_at_ms,
    )


_ONE = "/api/v1/experiments/{experiment_id}/views/{name}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/experiments/{experiment_id}/views",
        name="views.list",
        summary="The saved views of an experiment",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_views,
        response=SavedViewsAnswer,
    ),
    Endpoint(
        method="PUT",
        path=_ONE,
        name="views.save",
        summary="Save a view of an experiment under a name",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=save_view,
        request=SavedViewRequest,
        response=SavedViewAnswer,
    ),
    Endpoint(
        method="DELETE",
        path=_ONE,
        name="views.delete",
        summary="Remove a saved view",
        permission=Action.TRACKING_WRITE,
        body_limit=NO_BODY,
        handler=delete_view,
    ),
)
