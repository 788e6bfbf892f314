"""What clients ask a server about itself, and its workspaces."""

from __future__ import annotations

from typing import Final

from starlette.responses import PlainTextResponse

from assay.domain.access import Action
from assay.domain.tracking import Workspace
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.faces.mlflow.routing import V3, Nothing, get, post
from assay.faces.mlflow.views import Json, present
from assay.faces.mlflow.wire import Message, Required

PROTOCOL_VERSION: Final = "3.18.0"
"""The MLflow version whose wire this face follows; clients compare it with what they need."""


class CreateWorkspace(Message):
    """POST workspaces."""

    name: Required
    description: str = ""


def version(call: Call) -> PlainTextResponse:
    """The version that clients compare with what they need."""
    del call
    return PlainTextResponse(PROTOCOL_VERSION)


def server_info(call: Call, message: Nothing) -> Json:
    """Which of a server's optional abilities are there. Answered without a login, so it is no secret."""
    del message
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": True,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "artifact_serving_enabled": True,
        "artifacts_presigned_only": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False},
        "tracking_auth": call.services.auth.accounts,
    }


def list_workspaces(call: Call, message: Nothing) -> Json:
    """The workspaces that the caller may read."""
    del message
    found = call.services.workspaces.list(call.context)
    return present(workspaces=[_view(workspace) for workspace in found])


def get_workspace(call: Call, message: Nothing) -> Json:
    """A workspace."""
    del message
    found = call.services.workspaces.get(call.context, call.path["workspace_name"])
    return {"workspace": _view(found)}


def create_workspace(call: Call, message: CreateWorkspace) -> Json:
    """Make a workspace under the server's policy."""
    made = call.services.workspaces.create(call.context, message.name, message.description)
    call.status = 201
    return {"workspace": _view(made)}


def _view(workspace: Workspace) -> Json:
    return present(name=workspace.name, description=workspace.description)


_READ: Final = Action.WORKSPACE_READ

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/server-info", "What this server can do", Action.PUBLIC, server_info, Nothing, root=V3),
    get("/workspaces", "The workspaces", _READ, list_workspaces, Nothing, root=V3),
    get("/workspaces/{workspace_name}", "A workspace", _READ, get_workspace, Nothing, root=V3),
    post(
        "/workspaces",
        "Make a workspace",
        Action.WORKSPACE_WRITE,
        create_workspace,
        CreateWorkspace,
        root=V3,
    ),
)
PLAIN_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/version",
        name="mlflow.get/version",
        summary="The version of MLflow's wire that is spoken here",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=version,
    ),
)
