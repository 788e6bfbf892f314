"""GraphQL without the client: what is unknown, too deep, too large; answers that the client needs."""

from typing import Any

import pytest

from assay.faces.wandb.executor import Executor
from assay.faces.wandb.features import FEATURES
from assay.faces.wandb.resolvers import RESOLVERS
from tests.faces.wandb.conftest import UPSERT, Server

TOO_MUCH = {
    "deep": "{ viewer " + "{ teams { edges { node { user " * 12 + "{ id }" + "}}}}" * 12 + "}",
    "aliases": "{" + " ".join(f"a{n}: viewer {{ id }}" for n in range(100)) + "}",
    "fields": "{ viewer {" + " ".join(f"a{n}: id" for n in range(3_000)) + "} }",
    "doubling": "query { viewer { ...F0 } } "
    + " ".join(f"fragment F{n} on User {{ ...F{n + 1} ...F{n + 1} }}" for n in range(30))
    + " fragment F30 on User { id }",
    "introspection": "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    "long": "{ viewer { id } }" + " " * 200_000,
}


def test_every_mutation_has_a_resolver() -> None:
    """One without would answer null, upon which the client falls over."""
    known = Executor(RESOLVERS).schema.mutation_type
    assert known is not None
    assert [name for name, field in known.fields.items() if field.resolve is None] == []


def test_an_unknown_selection_is_null(server: Server) -> None:
    """Newer clients ask for more; everything else is answered."""
    found = server.data("{ viewer { id novelty { deep } } somethingNew { x } }")
    assert found["viewer"]["novelty"] is None
    assert found["viewer"]["id"]
    assert found["somethingNew"] is None


def test_an_unknown_mutation_is_refused(server: Server) -> None:
    """Nothing is changed in silence, not even what stands beside it."""
    query = (
        'mutation { upsertModel(input: {name: "never", entityName: "default"}) { inserted }'
        " inventedMutation(input: {}) { ok } }"
    )
    answer = server.graphql(query)
    assert answer.status_code == 400
    assert "inventedMutation" in answer.json()["errors"][0]["message"]
    assert server.data('{ project(name: "never") { id } }')["project"] is None


def test_the_name_of_an_operation_does_not_matter(server: Server) -> None:
    """Fields are resolved by type and name."""
    assert server.data("query DeleteEverything { viewer { username } }")["viewer"]["username"]


def test_members_that_an_input_does_not_have_are_dropped(server: Server) -> None:
    """Inline, and in variables of types that the schema does not know."""
    query = """mutation($new: NewType) { upsertModel(
      input: {name: "lenient", entityName: "default", novelty: $new}) { inserted } }"""
    assert server.data(query, new={"x": 1})["upsertModel"]["inserted"] is True
    given = {"modelName": "lenient", "name": "r", "entityName": "default", "novelty": 1}
    assert server.data(UPSERT, input=given)["upsertBucket"]["inserted"] is True


def test_introspection_answers_for_types_that_are_not_there(server: Server) -> None:
    """Clients up to 0.18 cannot bear a null type."""
    query = '{ A: __type(name: "Nothing") { name fields { name } inputFields { name } } }'
    assert server.data(query)["A"]["fields"] == []
    names = server.data('{ __type(name: "Query") { fields { name } } }')["__type"]["fields"]
    assert "viewer" in {each["name"] for each in names}


@pytest.mark.parametrize("query", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_a_query_that_asks_for_too_much_is_refused(server: Server, query: str) -> None:
    """Depth, width, aliases, fragments and introspection are bounded before anything runs."""
    answer = server.graphql(query)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{",
        "query { viewer { ...Gone } }",
        "query { viewer { ...A } } fragment A on User { ...A }",
        "subscription { viewer { id } }",
        "query A { viewer { id } } query B { viewer { id } }",
        "mutation { ...F } fragment F on Mutation { stopRun(input: {id: 1}) { success } }",
        'mutation { stopRun(input: {id: "bm9uc2Vuc2U="}) { success } }',
        "mutation { stopRun(input: {}) { success } }",
    ],
)
def test_a_query_that_makes_no_sense_is_refused(server: Server, query: str) -> None:
    """400 with a reason, which the client shows at once."""
    answer = server.graphql(query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"query": 1}', b'{"query": "{x}"', b"\xff"])
def test_a_malformed_body_is_refused(server: Server, body: bytes) -> None:
    """400, not 500."""
    headers = {"content-type": "application/json"}
    assert server.ask("POST", "/graphql", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    "filters",
    [
        "{",
        "[]",
        '{"$where": "1"}',
        '{"config.a": {"$regex": "(a+)+$"}}',
        '{"config.a": {"$regex": "a{1,9}"}}',
        '{"no such": 1}',
        '{"config.a": {"$in": 1}}',
        '{"config.a": {"b": {"c": 1}}}',
        '{"$and": [' * 50 + "{}" + "]}" * 50,
    ],
)
def test_a_filter_that_is_not_known_is_refused(server: Server, filters: str) -> None:
    """No expression of a user's runs here, and none is passed over in silence."""
    server.a_run("filtered")
    query = 'query($f: JSONString) { project(name: "filtered") { runCount(filters: $f) } }'
    answer = server.graphql(query, f=filters)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


def test_the_features_are_those_that_tests_prove(server: Server) -> None:
    """The client takes other ways for each of them."""
    answer = server.data("{ serverInfo { features { name isEnabled } } }")
    assert answer["serverInfo"]["features"] == [
        {"name": name, "isEnabled": True} for name in FEATURES
    ]


def absent(value: Any, path: str = "") -> list[str]:
    """Where an answer holds nothing."""
    if value is None:
        return [path]
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in absent(each, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for each in value for found in absent(each, f"{path}[]")]
    return []


def test_nothing_that_the_client_needs_is_null(server: Server) -> None:
    """Each field of these answers, nulled, makes a client crash or lose data in silence."""
    bucket = server.data(
        UPSERT,
        input={"modelName": "ablation", "name": "whole", "entityName": "default", "config": "{}"},
    )["upsertBucket"]
    assert absent(bucket) == [".bucket.description", ".bucket.sweepName"]
    body = {
        "files": {
            "wandb-history.jsonl": {"offset": 0, "content": ['{"_step":0,"a":1}']},
            "output.log": {"offset": 0, "content": ["2026-11-23T06:20:14 line"]},
        }
    }
    server.stream("whole", body, "ablation")
    nullable = {"sweepName", "group", "jobType", "commit", "description", "notes", "endCursor"}
    found = server.run("whole", "ablation")
    assert {path.rpartition(".")[2] for path in absent(found)} == nullable
    assert isinstance(found["projectId"], int)
    assert found["historyKeys"]["lastStep"] == 0
    files = server.data(
        """mutation($f: [String!]!) { createRunFiles(input: {entityName: "default",
          projectName: "ablation", runName: "whole", files: $f}) {
          runID uploadHeaders files { name uploadUrl } } }""",
        f=["a.txt", "media/b.png"],
    )["createRunFiles"]
    assert absent(files) == []
    assert all(each["uploadUrl"].startswith("http://127.0.0.1/storage/") for each in files["files"])
    viewer = server.data(
        "{ viewer { id entity username email flags teams { edges { node { name } } } } }"
    )
    assert absent(viewer) == []


def test_what_is_not_there_is_null_and_no_error(server: Server) -> None:
    """The client asks for runs and projects just to find out."""
    query = """query($p: String!) { model(name: $p, entityName: "default") {
      bucket(name: "nothing", missingOk: true) { id } } }"""
    assert server.data(query, p="nowhere") == {"model": None}
    server.a_run("somewhere")
    assert server.data(query, p="somewhere") == {"model": {"bucket": None}}


def test_pages_of_runs_end(server: Server) -> None:
    """A cursor that is null while there is a next page would keep the client asking for ever."""
    for _ in range(3):
        server.a_run("paged")
    query = """query($a: String) { project(name: "paged") { runs(first: 2, after: $a) {
      edges { node { name } cursor } pageInfo { endCursor hasNextPage } } } }"""
    first = server.data(query)["project"]["runs"]
    assert first["pageInfo"]["hasNextPage"] is True
    assert all(edge["cursor"] for edge in first["edges"])
    second = server.data(query, a=first["pageInfo"]["endCursor"])["project"]["runs"]
    assert (len(second["edges"]), second["pageInfo"]["hasNextPage"]) == (1, False)
    assert server.graphql(query, a="nonsense").status_code == 400
