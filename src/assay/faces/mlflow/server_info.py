"""What clients ask a server about itself, and its workspaces."""

from __future__ import annotations

from typing import Final

from starlette.responses import PlainTextResponse, Response

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.domain.tracking import Workspace
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.faces.mlflow.routing import V3, Nothing, get, post, send
from assay.faces.mlflow.views import Json, present
from assay.faces.mlflow.wire import Message, Required, invalid
from assay.services.workspace_changes import delete_workspace, describe_workspace

PROTOCOL_VERSION: Final = "3.18.0"
"""The MLflow version whose wire this face follows; clients compare it with what they need."""


class CreateWorkspace(Message):
    """POST workspaces."""

    name: Required
    description: str = ""
    default_artifact_root: str = ""


class UpdateWorkspace(Message):
    """PATCH workspaces/{workspace_name}."""

    description: str | None = None
    default_artifact_root: str = ""


class DeleteWorkspace(Message):
    """DELETE workspaces/{workspace_name}. Clients send the mode as a query parameter."""

    mode: str = "RESTRICT"


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
    _check_root(message.default_artifact_root)
    made = call.services.workspaces.create(call.context, message.name, message.description)
    call.status = 201
    return {"workspace": _view(made)}


def update_workspace(call: Call, message: UpdateWorkspace) -> Json:
    """Describe a workspace anew."""
    _check_root(message.default_artifact_root)
    if message.description is None:
        raise InvalidArgument("Workspace update must have at least one key.", field="description")
    services = call.services
    name = call.path["workspace_name"]
    found = describe_workspace(
        services.platform, services.ledger, call.context, name, message.description
    )
    return {"workspace": _view(found)}


def remove_workspace(call: Call) -> Response:
    """Delete a workspace that is empty: no mode deletes or moves what belongs to one."""
    mode = call.query(DeleteWorkspace).mode
    if mode not in _MODES:
        hint = f"Expected one of: {', '.join(_MODES)}."
        raise invalid("mode", mode, hint)
    services = call.services
    delete_workspace(services.platform, services.ledger, call.context, call.path["workspace_name"])
    return Response(status_code=204)


def _check_root(root: str) -> None:
    if root:
        msg = "A workspace has no artifact root of its own here: files go to the server's store."
        raise InvalidArgument(msg, field="default_artifact_root")


def _view(workspace: Workspace) -> Json:
    return present(name=workspace.name, description=workspace.description)


_MODES: Final = ("RESTRICT", "CASCADE", "SET_DEFAULT")
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
    send(
        "PATCH",
        "/workspaces/{workspace_name}",
        "Describe a workspace anew",
        Action.WORKSPACE_WRITE,
        update_workspace,
        UpdateWorkspace,
        root=V3,
    ),
    Endpoint(
        method="DELETE",
        path=f"{V3}/workspaces/{{workspace_name}}",
        name=f"mlflow.delete{V3}/workspaces/{{workspace_name}}",
        summary="Delete an empty workspace",
        permission=Action.WORKSPACE_WRITE,
        body_limit=NO_BODY,
        query=DeleteWorkspace,
        handler=remove_workspace,
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
