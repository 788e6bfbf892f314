"""Registries without the client: made, restricted to types, renamed, deleted, listed in order."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.faces.wandb.conftest import Server
from tests.faces.wandb.test_artifacts import LINK, commit

MAKE = """mutation($input: UpsertModelInput!) { upsertModel(input: $input) { inserted project {
  id name description allowAllArtifactTypesInRegistry
  artifactTypes(includeAll: true) { edges { node { name } } } } } }"""
RENAME = """mutation($input: RenameProjectInput!) { renameProject(input: $input) {
  inserted project { name description } } }"""
DELETE = "mutation($id: String!) { deleteModel(input: {id: $id}) { success } }"
FIND = """query($name: String!) { entity(name: "default") { project(name: $name) { id } } }"""
LIST = """query($filters: JSONString, $order: String) { organization(name: "default") { orgEntity {
  projects(filters: $filters, order: $order, first: 50) { edges { node { name } } }
  artifactCollections(projectFilters: $filters, order: $order, first: 50) {
    edges { node { name } } } } } }"""
_numbers = count(1)


def a_name() -> str:
    return f"wandb-registry-raw-{next(_numbers)}"


def make(server: Server, name: str, **more: Any) -> Any:
    given = {"entityName": "default", "name": name, **more}
    return server.data(MAKE, input=given)["upsertModel"]


def link(server: Server, artifact: str, registry: str, name: str) -> Any:
    given = {
        "artifactID": artifact,
        "artifactPortfolioName": name,
        "entityName": "default",
        "projectName": registry,
        "aliases": [],
    }
    return server.graphql(LINK, input=given)


def test_a_registry_takes_the_types_that_it_names(server: Server) -> None:
    """Types are added to, never taken away; an artifact of another type is refused, and told why."""
    name = a_name()
    made = make(server, name, allowAllArtifactTypesInRegistry=False, artifactTypes=[{"name": "a"}])
    assert made["project"]["allowAllArtifactTypesInRegistry"] is False
    more = make(server, name, artifactTypes=[{"name": "b"}])["project"]
    assert [edge["node"]["name"] for edge in more["artifactTypes"]["edges"]] == ["a", "b"]

    artifact = commit(server, f"of-{name}", b"a dataset")
    refused = link(server, artifact, name, "shelf")
    assert (refused.status_code, "types a, b; this one is of 'dataset'" in refused.text) == (
        400,
        True,
    )
    make(server, name, artifactTypes=[{"name": "dataset"}])
    assert link(server, artifact, name, "shelf").status_code == 200


def test_a_registry_takes_all_types_or_those_it_names(server: Server) -> None:
    """Both at once is refused, and nothing is kept of it; without types it takes all."""
    name = a_name()
    both = {"allowAllArtifactTypesInRegistry": True, "artifactTypes": [{"name": "a"}]}
    given = {"entityName": "default", "name": name, **both}
    assert server.graphql(MAKE, input=given).status_code == 400
    assert make(server, name)["project"]["allowAllArtifactTypesInRegistry"] is True


def test_an_empty_registry_is_renamed_and_deleted(server: Server) -> None:
    """It keeps what was said of it; its old name is nobody's, and a deleted one is not found."""
    old, new = a_name(), a_name()
    make(server, old, description="said")
    given = {"entityName": "default", "oldProjectName": old, "newProjectName": new}
    renamed = server.data(RENAME, input=given)["renameProject"]
    assert renamed == {"inserted": False, "project": {"name": new, "description": "said"}}
    assert server.data(FIND, name=old)["entity"]["project"] is None

    found = server.data(FIND, name=new)["entity"]["project"]["id"]
    assert server.data(DELETE, id=found)["deleteModel"] == {"success": True}
    assert server.data(FIND, name=new)["entity"]["project"] is None
    assert server.graphql(DELETE, id=found).status_code == 404


def test_a_registry_that_holds_something_stays(server: Server) -> None:
    """What was linked is found under its name: neither renaming nor deleting takes it away."""
    name = a_name()
    identifier = make(server, name)["project"]["id"]
    assert link(server, commit(server, f"in-{name}", b"kept"), name, "shelf").status_code == 200
    given = {"entityName": "default", "oldProjectName": name, "newProjectName": a_name()}
    for refused in (server.graphql(RENAME, input=given), server.graphql(DELETE, id=identifier)):
        assert (refused.status_code, "holds collections" in refused.text) == (400, True)
    assert server.data(FIND, name=name)["entity"]["project"]["id"] == identifier


def test_a_project_does_not_become_a_registry(server: Server) -> None:
    """Nor the other way round: what they hold differs."""
    server.a_run(project="stays-a-project")
    given = {"oldProjectName": "stays-a-project", "newProjectName": a_name()}
    refused = server.graphql(RENAME, input={"entityName": "default", **given})
    assert (refused.status_code, "a project too" in refused.text) == (400, True)


def test_registries_and_their_collections_come_in_the_order_that_is_asked_for(
    server: Server,
) -> None:
    """By name, backwards too; an order that is not known is refused."""
    names = sorted(f"wandb-registry-ordered-{letter}" for letter in "abc")
    for place, name in enumerate(names):
        make(server, name)
        data = f"ordered {place}".encode()
        link(server, commit(server, f"ordered-{place}", data), name, f"shelf-{9 - place}")
    filters = '{"name": {"$contains": "registry-ordered-"}}'

    def listed(order: str | None) -> tuple[list[str], list[str]]:
        found = server.data(LIST, filters=filters, order=order)["organization"]["orgEntity"]
        return (
            [edge["node"]["name"] for edge in found["projects"]["edges"]],
            [edge["node"]["name"] for edge in found["artifactCollections"]["edges"]],
        )

    assert listed("name") == (names, ["shelf-7", "shelf-8", "shelf-9"])
    assert listed("-name") == (names[::-1], ["shelf-9", "shelf-8", "shelf-7"])
    assert listed("created_at")[1] == ["shelf-9", "shelf-8", "shelf-7"]
    assert server.graphql(LIST, filters=filters, order="colour").status_code == 400
