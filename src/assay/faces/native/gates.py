"""Routes of eval suites and gates."""

from __future__ import annotations

from typing import Any, Self

import msgspec

from assay.domain.access import Action
from assay.domain.canonical import as_object, parse_strict
from assay.domain.gate import gate_record
from assay.domain.gate_run import EvalSuite, Gate
from assay.faces.endpoint import MIB, NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.files import stream_upload
from assay.services.context import Context
from assay.services.evaluation import Evaluation

BUNDLE_BODY = 1024 * MIB


class SuiteAnswer(msgspec.Struct):
    """A stored suite; `fingerprint` is computed from its bytes."""

    name: str
    workspace: str
    fingerprint: str
    bundle_sha256: str | None
    item_count: int
    created_by: str
    created_at_ms: int


class Suites(msgspec.Struct):
    """One page of suites."""

    suites: list[SuiteAnswer]
    next_page_token: str | None


class GateRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new version of a gate; without `model` it guards every model that has no gate of its own.

    `spec` says suite (a fingerprint or name), metric, direction, threshold, and optionally guards,
    min_items, comparison, approvals, timeout_s.
    """

    name: str
    spec: msgspec.Raw
    model: str | None = None


class GateAnswer(msgspec.Struct):
    """A frozen version of a gate; numbers in `spec` are exact text."""

    name: str
    version: int
    workspace: str
    model: str | None
    suite: str
    fingerprint: str
    is_current: bool
    spec: dict[str, Any]
    created_by: str
    created_at_ms: int


class Gates(msgspec.Struct):
    """Gate versions in the order in which they were made."""

    gates: list[GateAnswer]
    next_page_token: str | None = None


class PageQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page."""

    max_results: int = 100
    page_token: str | None = None


class GateQuery(PageQuery, forbid_unknown_fields=True):
    """A page of gates, all versions or only those in force."""

    current_only: bool = False


class _Upload:
    """A bundle on its way in, which ends in a suite."""

    def __init__(self, evaluation: Evaluation, context: Context) -> None:
        self._evaluation, self._context = evaluation, context

    def begin(self) -> Self:
        self._upload = self._evaluation.begin_bundle(self._context)
        return self

    def write(self, piece: bytes) -> None:
        self._upload.write(piece)

    def finish(self, expected_sha256: str | None = None) -> EvalSuite:
        info = self._upload.commit(expected_sha256)
        return self._evaluation.create_suite(self._context, info)

    def abort(self) -> None:
        self._upload.abort()


async def upload_suite(call: Call) -> SuiteAnswer:
    """Store a packed suite; items, digests and fingerprint are computed from its bytes."""
    evaluation, context = call.services.evaluation, call.context
    upload = _Upload(evaluation, context)
    return suite_answer(await stream_upload(call, upload.begin))


def list_suites(call: Call) -> Suites:
    """All suites."""
    query = call.query(PageQuery)
    page = call.services.evaluation.list_suites(
        call.context, max_results=query.max_results, page_token=query.page_token
    )
    return Suites([suite_answer(suite) for suite in page.items], page.next_token)


def get_suite(call: Call) -> SuiteAnswer:
    """One suite by name or fingerprint."""
    return suite_answer(call.services.evaluation.get_suite(call.context, call.path["name"]))


def create_gate(call: Call, body: GateRequest) -> GateAnswer:
    """Freeze a gate version and make it current."""
    spec = as_object(parse_strict(bytes(body.spec), root="spec"), "spec")
    made = call.services.gates.create(call.context, body.name, spec, model=body.model)
    return gate_answer(made)


def list_gates(call: Call) -> Gates:
    """All gates."""
    query = call.query(GateQuery)
    page = call.services.gates.list(
        call.context,
        current_only=query.current_only,
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return Gates([gate_answer(gate) for gate in page.items], page.next_token)


def get_gate(call: Call) -> Gates:
    """Every version of one gate."""
    versions = call.services.gates.get(call.context, call.path["name"])
    return Gates([gate_answer(gate) for gate in versions])


def suite_answer(suite: EvalSuite) -> SuiteAnswer:
    """A suite as the API shows it."""
    return SuiteAnswer(
        name=suite.name,
        workspace=suite.workspace,
        fingerprint=suite.fingerprint,
        bundle_sha256=suite.bundle_sha256,
        item_count=suite.item_count,
        created_by=suite.created_by,
        created_at_ms=suite.created_at_ms,
    )


def gate_answer(gate: Gate) -> GateAnswer:
    """A gate as the API shows it."""
    return GateAnswer(
        name=gate.name,
        version=gate.version,
        workspace=gate.workspace,
        model=gate.model,
        suite=gate.suite,
        fingerprint=gate.fingerprint,
        is_current=gate.is_current,
        spec=dict(gate_record(gate.spec)),
        created_by=gate.created_by,
        created_at_ms=gate.created_at_ms,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/suites",
        name="suites.list",
        summary="The eval suites of the workspace",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=list_suites,
        query=PageQuery,
        response=Suites,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/suites",
        name="suites.create",
        summary="Store a packed suite (items, references, scorer)",
        permission=Action.GATE_WRITE,
        body_limit=BUNDLE_BODY,
        handler=upload_suite,
        response=SuiteAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/suites/{name}",
        name="suites.get",
        summary="One suite by name or fingerprint, without its items",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=get_suite,
        response=SuiteAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/gates",
        name="gates.list",
        summary="The gates of the workspace",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=list_gates,
        query=GateQuery,
        response=Gates,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/gates",
        name="gates.create",
        summary="Freeze a new gate version and make it current",
        permission=Action.GATE_WRITE,
        body_limit=SMALL_BODY,
        handler=create_gate,
        request=GateRequest,
        response=GateAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/gates/{name}",
        name="gates.get",
        summary="Every version of a gate, oldest first",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=get_gate,
        response=Gates,
    ),
)
