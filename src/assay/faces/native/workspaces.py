"""Routes of workspaces and what each demands of its registry."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from assay.domain.access import Action
from assay.domain.lineage import mapping_from_record
from assay.domain.tracking import Demand, LineagePolicy, Workspace
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.services.workspaces import INHERIT, Inherit


class PolicyAnswer(msgspec.Struct):
    """The policy in force; `protected` are the aliases that only a promotion moves."""

    lineage: LineagePolicy
    protected: list[str]
    strict_refs: Demand
    closure_at_promotion: Demand


class WorkspaceAnswer(msgspec.Struct):
    """A workspace."""

    name: str
    description: str
    policy: PolicyAnswer
    created_at_ms: int


class WorkspacesAnswer(msgspec.Struct):
    """The workspaces that the caller may read, by name."""

    workspaces: list[WorkspaceAnswer]


class WorkspaceRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new workspace, under the server's policy."""

    name: str
    description: str = ""


class PolicyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What to change of the policy; `inherit` goes back to the server's.

    `reason` is needed where an alias becomes protected that somebody holds unexamined.
    """

    lineage: Literal["required", "recorded", "inherit"] | None = None
    protected: list[str] | Literal["inherit"] | None = None
    strict_refs: Literal["off", "warn", "require", "inherit"] | None = None
    closure_at_promotion: Literal["off", "warn", "require", "inherit"] | None = None
    reason: str = ""


class MappingAnswer(msgspec.Struct):
    """Which params and tags carry which lineage field; `ignore` are params that stay out of config."""

    lineage_mapping: dict[str, Any]


class MappingRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Members to change from the usual mapping; null goes back to the usual one."""

    lineage_mapping: dict[str, Any] | None


def create_workspace(call: Call, body: WorkspaceRequest) -> WorkspaceAnswer:
    """Make a workspace."""
    return _answer(call.services.workspaces.create(call.context, body.name, body.description))


def list_workspaces(call: Call) -> WorkspacesAnswer:
    """The workspaces that the caller may read."""
    found = call.services.workspaces.list(call.context)
    return WorkspacesAnswer([_answer(workspace) for workspace in found])


def get_workspace(call: Call) -> WorkspaceAnswer:
    """One workspace."""
    return _answer(call.services.workspaces.get(call.context, call.path["workspace"]))


def update_workspace(call: Call, body: PolicyRequest) -> WorkspaceAnswer:
    """Change the policy."""
    lineage = body.lineage
    return _answer(
        call.services.workspaces.update_policy(
            call.context,
            call.path["workspace"],
            lineage=lineage if lineage is None or lineage == "inherit" else LineagePolicy(lineage),
            protected=body.protected,
            strict_refs=_demand(body.strict_refs),
            closure_at_promotion=_demand(body.closure_at_promotion),
            reason=body.reason,
        )
    )


def get_mapping(call: Call) -> MappingAnswer:
    """The mapping in force."""
    found = call.services.workspaces.lineage_mapping(call.context, call.path["workspace"])
    return MappingAnswer(found.as_record())


def put_mapping(call: Call, body: MappingRequest) -> MappingAnswer:
    """Another mapping."""
    own = body.lineage_mapping
    made = None if own is None else mapping_from_record(own)
    workspaces = call.services.workspaces
    return MappingAnswer(
        workspaces.set_lineage_mapping(call.context, call.path["workspace"], made).as_record()
    )


def _demand(word: str | None) -> Demand | Inherit | None:
    return INHERIT if word == INHERIT else None if word is None else Demand(word)


def _answer(workspace: Workspace) -> WorkspaceAnswer:
    policy = PolicyAnswer(
        workspace.policy.lineage,
        sorted(workspace.policy.protected),
        workspace.policy.strict_refs,
        workspace.policy.closure_at_promotion,
    )
    return WorkspaceAnswer(workspace.name, workspace.description, policy, workspace.created_at_ms)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/workspaces",
        name="workspaces.list",
        summary="The workspaces that the caller may read",
        permission=Action.WORKSPACE_READ,
        body_limit=NO_BODY,
        handler=list_workspaces,
        response=WorkspacesAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/workspaces",
        name="workspaces.create",
        summary="Make a workspace",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=create_workspace,
        request=WorkspaceRequest,
        response=WorkspaceAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/workspaces/{workspace}",
        name="workspaces.get",
        summary="A workspace and its policy",
        permission=Action.WORKSPACE_READ,
        body_limit=NO_BODY,
        handler=get_workspace,
        response=WorkspaceAnswer,
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/workspaces/{workspace}",
        name="workspaces.update",
        summary="Change what a workspace demands of its registry",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=update_workspace,
        request=PolicyRequest,
        response=WorkspaceAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/workspaces/{workspace}/lineage-mapping",
        name="workspaces.get_lineage_mapping",
        summary="Which params and tags carry which lineage field",
        permission=Action.WORKSPACE_READ,
        body_limit=NO_BODY,
        handler=get_mapping,
        response=MappingAnswer,
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/workspaces/{workspace}/lineage-mapping",
        name="workspaces.put_lineage_mapping",
        summary="Change which params and tags carry which lineage field",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=put_mapping,
        request=MappingRequest,
        response=MappingAnswer,
    ),
)
