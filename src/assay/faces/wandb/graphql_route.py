"""POST /graphql."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import AppError, Code, InvalidArgument
from assay.faces.endpoint import MIB, Call, Endpoint
from assay.faces.wandb.ask import Ask
from assay.faces.wandb.dialect import RawBody, json_response
from assay.faces.wandb.errors import headers_of, status_of
from assay.faces.wandb.packing import unpacked

if TYPE_CHECKING:
    from assay.faces.wandb.executor import Executor

GRAPHQL_BODY: Final = 16 * MIB
_lock = threading.Lock()
_executors: dict[str, Executor] = {}


class GraphQLRequest(msgspec.Struct):
    """What the client posts."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 - the client's word


def executor() -> Executor:
    """The one executor, made when the first client comes: a server without them starts sooner."""
    with _lock:
        found = _executors.get("")
        if found is None:
            from assay.faces.wandb.executor import Executor  # noqa: PLC0415
            from assay.faces.wandb.resolvers import RESOLVERS  # noqa: PLC0415

            found = _executors[""] = Executor(RESOLVERS)
        return found


def graphql(call: Call, body: RawBody) -> Response:
    """Run a document. A refusal has its status, so that the client neither retries nor overlooks it."""
    try:
        request = msgspec.json.decode(unpacked(body, GRAPHQL_BODY), type=GraphQLRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"The body is no GraphQL request: {str(error)[:200]}"
        raise InvalidArgument(msg, field="body") from None
    ask = Ask(call)
    data, refusals = executor().run(
        ask, request.query, request.variables or {}, request.operationName
    )
    return _answer(data, refusals, is_mutation=ask.is_mutation)


def _answer(data: Any, refusals: list[AppError], *, is_mutation: bool) -> Response:
    """What is not there is null and no error in a query; any other refusal speaks."""
    told = [refusal for refusal in refusals if is_mutation or refusal.code is not Code.NOT_FOUND]
    if not told:
        return json_response({"data": data}, 200, {})
    worst = max(told, key=status_of)
    errors = [
        {"message": refusal.message, "extensions": {"code": refusal.code.value}} for refusal in told
    ]
    answer = {"data": data, "errors": errors, "error": worst.message}
    return json_response(answer, status_of(worst), headers_of(worst))


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/graphql",
        name="wandb.graphql",
        summary="W&B's GraphQL; resolvers ask for the permission of each object",
        permission=Action.IDENTIFY,
        body_limit=GRAPHQL_BODY,
        handler=graphql,
        request=RawBody,
    ),
)
