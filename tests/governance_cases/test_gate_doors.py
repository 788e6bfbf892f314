"""G29: every mutating route of every face, asked by everybody, leaves a protected alias where it is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)

from assay.domain.access import Actor
from assay.domain.collection import CollectionVersion, NewVersion
from assay.domain.errors import FailedPrecondition, NotFound, PermissionDenied
from assay.faces.dispatch import Dispatcher
from assay.faces.endpoint import Endpoint
from assay.faces.wandb.artifact_nodes import artifact_id, collection_id
from assay.faces.wandb.executor import Executor
from assay.faces.wandb.resolvers import RESOLVERS
from assay.server.app import faces
from assay.services.collection_reads import Home
from tests.governance_cases.scene import Court
from tests.support.native_app import ask
from tests.support.office import MODEL

CHAMPION, CHALLENGER = 1, 2
REGISTRY = Home(registry="model")
ALIASES = (
    "SELECT a.alias, a.revision, v.version, v.state FROM aliases a"
    " LEFT JOIN model_versions v ON v.id = a.version_id"
    " WHERE lower(a.alias) IN ('production', 'champion') ORDER BY a.alias"
)
WISHES: dict[str, Any] = {
    "name": MODEL, "model": MODEL, "model_name": MODEL, "new_name": "renamed", "version": CHALLENGER,
    "alias": "production", "aliases": ["production", "champion"], "stage": "Production",
    "archive_existing_versions": True, "key": "alias", "value": "production", "state": "registered",
    "tags": {}, "reason": "please", "source": f"models:/{MODEL}/{CHALLENGER}", "expected_revision": 1,
    "revision": 9, "protected": [], "description": "production", "status": "READY",
    "artifact_path": "model", "created_at_ms": 1, "updated_at_ms": 1, "target": "production",
    "dst_name": MODEL, "src_model_uri": f"models:/{MODEL}/{CHALLENGER}", "workspace": "default",
    "threshold": 0, "passed": True, "score": 1, "outcome": "pass", "registry": "model",
}  # fmt: skip
POLICY = re.compile(r"/workspaces")


def mutating() -> list[tuple[str, Endpoint]]:
    """The route tables of all faces, without what reads; the documents of GraphQL have their own test."""
    return [
        (face.name, endpoint)
        for face in faces()
        for endpoint in face.endpoints
        if endpoint.method != "GET" and not endpoint.path.endswith("/graphql")
    ]


def bodies(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """Everything that could be wished for, and then in the route's own words alone."""
    yield WISHES
    if endpoint.request is None:
        return
    try:
        names = {field.encode_name for field in msgspec.structs.fields(endpoint.request)}
    except TypeError:
        return
    yield {name: value for name, value in WISHES.items() if name in names}
    yield {name: str(value) for name, value in WISHES.items() if name in names}


def path_of(endpoint: Endpoint, run_id: str) -> str:
    given = {
        "name": MODEL,
        "alias": "production",
        "version": str(CHALLENGER),
        "workspace": "default",
    }
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: given.get(found[1], run_id), endpoint.path)


class Doors:
    """A champion, and a worse challenger beside it that is linked into the registry of a W&B client."""

    def __init__(self, court: Court) -> None:
        self.court = court
        court.a_gate(0)
        self.linked = [self._linked("strong"), self._linked("weak")]
        for number, right in ((CHAMPION, 8), (CHALLENGER, 3)):
            found = court.services.versions.get_version(court.ask(), MODEL, number)
            court.examine(found, right)
        services = court.services
        services.promotion.promote(court.ask(court.maintainer), MODEL, CHAMPION)
        services.aliases.set_alias(court.ask(), MODEL, "staging", CHALLENGER)
        self._caller: Actor = court.admin
        numbers = itertools.count(1)
        self.app = Dispatcher(
            faces(), services, lambda _request: self._caller, lambda: f"request-{next(numbers)}"
        )
        self.before = self.held()
        assert self.before == [("production", 1, CHAMPION, "registered")]

    def _linked(self, content: str) -> CollectionVersion:
        context, parts = self.court.ask(), self.court.services.collections
        draft = parts.drafts.begin(
            context, "0", NewVersion(content, "model", run_id=self.court.a_run())
        )
        with parts.drafts.begin_upload(context, draft.version_id, "weights.json") as upload:
            upload.write(content.encode())
            upload.finish()
        made = parts.drafts.commit(context, draft.version_id)
        parts.links.link(context, made.version_id, REGISTRY, MODEL)
        return made

    @property
    def run_id(self) -> str:
        """The run behind the challenger."""
        run_id = self.linked[1].run_id
        assert run_id is not None
        return run_id

    def held(self) -> list[tuple[Any, ...]]:
        """Every protected alias of the server: its name, revision, holder and the holder's state."""
        with self.court.platform.database.read() as tx:
            return [tuple(row) for row in tx.driver(ALIASES).fetchall()]

    def held_up(self) -> int:
        """How many promotions the gate has held: the doors that lead to it do."""
        return sum(event.outcome == "denied" for event in self.court.events("promotion"))

    def ask(self, actor: Actor, method: str, path: str, body: object) -> int:
        """One request to whichever face the path belongs to; its status."""
        self._caller = actor
        answer = ask(self.app, method, path, json=body)
        assert answer.status_code != 500, (method, path, answer.text)
        return answer.status_code


@pytest.fixture
def doors(sqlite_court: Court) -> Doors:
    """The server with all its faces."""
    return Doors(sqlite_court)


@pytest.mark.parametrize("who", ["trainer", "runner", "maintainer", "admin"])
def test_g29_whoever_asks_whichever_route_the_champion_stays(doors: Doors, who: str) -> None:
    """G29: holder and revision are the same after each route, whatever the caller's role and words.

    Only an admin may change what is protected at all; those routes are another test's.
    """
    actor: Actor = getattr(doors.court, who)
    asked: set[str] = set()
    statuses: set[int] = set()
    for face, endpoint in mutating():
        if who == "admin" and POLICY.search(endpoint.path):
            continue
        path = path_of(endpoint, doors.run_id)
        for body in bodies(endpoint):
            statuses.add(doors.ask(actor, endpoint.method, path, body))
            assert doors.held() == doors.before, (face, endpoint.method, path, body)
        asked.add(face)
    assert {"native", "mlflow", "wandb"} <= {name.partition("-")[0] for name in asked}
    assert 200 in statuses or who == "runner"
    # Who may not promote is refused before the gate is asked; the others are held by it.
    assert doors.held_up() >= {"runner": 0, "trainer": 2}.get(who, 4)


def wish(kind: GraphQLInputType, name: str, ids: dict[str, str], depth: int = 0) -> Any:
    """A value for an argument of that name: what an attacker would put there."""
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(inner, GraphQLList):
        return [wish(inner.of_type, name, ids, depth)]
    if isinstance(inner, GraphQLInputObjectType):
        return {
            key: wish(field.type, key, ids, depth + 1)
            for key, field in inner.fields.items()
            if depth < 4
        }
    if name in ids:
        return ids[name]
    plain = {"Int": 1, "Int64": 1, "Float": 1.0, "Boolean": True, "JSONString": "{}", "JSON": {}}
    named = get_named_type(inner)
    if hasattr(named, "values"):
        return next(iter(named.values))
    return plain.get(named.name, "production")


def documents(schema: GraphQLSchema, ids: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each mutation that the schema knows, with its arguments wished for."""
    assert schema.mutation_type is not None
    for name, field in schema.mutation_type.fields.items():
        declared = ", ".join(f"${key}: {argument.type}" for key, argument in field.args.items())
        passed = ", ".join(f"{key}: ${key}" for key in field.args)
        selected = (
            " { __typename }" if isinstance(get_named_type(field.type), GraphQLObjectType) else ""
        )
        text = f"mutation({declared}) {{ {name}({passed}){selected} }}" if declared else None
        values = {key: wish(argument.type, key, ids) for key, argument in field.args.items()}
        yield text or f"mutation {{ {name}{selected} }}", values


@pytest.mark.parametrize("who", ["trainer", "runner", "maintainer", "admin"])
def test_g29_no_mutation_of_a_wandb_client_moves_the_champion(doors: Doors, who: str) -> None:
    """G29: links, aliases and edits of the challenger in the registry end at the same one door."""
    home = doors.court.services.collections.reads.get_collection(doors.court.ask(), REGISTRY, MODEL)
    ids = {
        "artifactID": artifact_id(doors.linked[1]),
        "artifactPortfolioID": collection_id(home),
        "artifactSequenceID": collection_id(doors.linked[1].collection),
        "artifactCollectionName": MODEL,
        "artifactPortfolioName": MODEL,
        "projectName": "wandb-registry-model",
        "entityName": "default",
        "alias": "production",
    }
    asked = set()
    for text, values in documents(Executor(RESOLVERS).schema, ids):
        body = {"query": text, "variables": values}
        doors.ask(getattr(doors.court, who), "POST", "/graphql", body)
        assert doors.held() == doors.before, (text, values)
        asked.add(text)
    assert sum("Alias" in text or "linkArtifact" in text for text in asked) >= 3
    assert doors.held_up() >= (0 if who == "runner" else 2), "addAliases and linkArtifact"


@pytest.mark.parametrize("kind", ["dataset", "weights", "MODEL"])
def test_g29_no_label_on_an_artifact_makes_a_second_production(doors: Doors, kind: str) -> None:
    """G29: in the registry of models a protected alias is earned, whatever type the client writes down."""
    court = doors.court
    context, parts = court.ask(court.trainer), court.services.collections
    court.a_version("native", model="plain")
    draft = parts.drafts.begin(context, "0", NewVersion("evil", kind, run_id=doors.run_id))
    with parts.drafts.begin_upload(context, draft.version_id, "weights.json") as upload:
        upload.write(b"evil")
        upload.finish()
    made = parts.drafts.commit(context, draft.version_id)

    with pytest.raises((FailedPrecondition, PermissionDenied)):
        parts.links.link(context, made.version_id, REGISTRY, "plain", aliases=["production"])
    held = parts.links.link(context, made.version_id, REGISTRY, "plain")
    with pytest.raises((FailedPrecondition, PermissionDenied)):
        parts.links.add_alias(context, held.collection, made.version_id, "production")
    with pytest.raises(NotFound):
        parts.reads.resolve(context, REGISTRY, "plain", "production")
    assert court.holder(model="plain") is None
