"""Routes of registered models. Versions, aliases and promotion have modules of their own."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.registry_types import ModelAnswer, model_answer


class ModelRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new registered model."""

    name: str
    description: str = ""
    tags: dict[str, str] = {}


class ModelPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What changes: `new_name` renames, `tags` are added, `delete_tags` removed."""

    new_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = {}
    delete_tags: list[str] = []


class ModelQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A search of models, in the grammar of searches."""

    filter: str = ""
    order_by: list[str] = []
    max_results: int = 100
    page_token: str | None = None


class Models(msgspec.Struct):
    """One page of models."""

    models: list[ModelAnswer]
    next_page_token: str | None


def create_model(call: Call, body: ModelRequest) -> ModelAnswer:
    """Make a model without versions."""
    made = call.services.registry.create_model(
        call.context, body.name, description=body.description, tags=body.tags
    )
    return model_answer(made)


def search_models(call: Call) -> Models:
    """List or search models."""
    query = call.query(ModelQuery)
    page = call.services.registry.search_models(
        call.context,
        filter=query.filter,
        order_by=query.order_by,
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return Models([model_answer(model) for model in page.items], page.next_token)


def get_model(call: Call) -> ModelAnswer:
    """One model with its aliases."""
    return model_answer(call.services.registry.get_model(call.context, call.path["name"]))


def change_model(call: Call, body: ModelPatch) -> ModelAnswer:
    """Rename, describe or tag; a rename comes last."""
    registry, name = call.services.registry, call.path["name"]
    if body.description is not None:
        registry.update_model(call.context, name, description=body.description)
    if body.tags:
        registry.set_model_tags(call.context, name, body.tags)
    for key in body.delete_tags:
        registry.delete_model_tag(call.context, name, key)
    if body.new_name is not None:
        return model_answer(registry.rename_model(call.context, name, body.new_name))
    return model_answer(registry.get_model(call.context, name))


def delete_model(call: Call) -> None:
    """Delete a model whose protected aliases nobody holds."""
    call.services.registry.delete_model(call.context, call.path["name"])


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/models",
        name="models.search",
        summary="Search registered models",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=search_models,
        query=ModelQuery,
        response=Models,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/models",
        name="models.create",
        summary="Make a registered model",
        permission=Action.REGISTRY_WRITE,
        body_limit=SMALL_BODY,
        handler=create_model,
        request=ModelRequest,
        response=ModelAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/models/{name}",
        name="models.get",
        summary="One registered model with its aliases",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=get_model,
        response=ModelAnswer,
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/models/{name}",
        name="models.update",
        summary="Rename, describe or tag a model",
        permission=Action.REGISTRY_WRITE,
        body_limit=SMALL_BODY,
        handler=change_model,
        request=ModelPatch,
        response=ModelAnswer,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/models/{name}",
        name="models.delete",
        summary="Delete a model that holds no protected alias",
        permission=Action.REGISTRY_DELETE,
        body_limit=NO_BODY,
        handler=delete_model,
    ),
)
