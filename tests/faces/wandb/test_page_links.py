"""What the page asks when somebody follows an address that the client printed."""

from __future__ import annotations

from tests.faces.wandb.conftest import Server

LINKS = "/api/v1/client-links"


def test_a_printed_address_is_looked_up(server: Server) -> None:
    """By the client's own names; without a run it is the project's experiment."""
    name = server.a_run("followed")
    found = server.ask("GET", LINKS, params={"project": "followed", "run": name}).json()
    assert found["run_id"] == name
    project = server.ask("GET", LINKS, params={"project": "followed"}).json()
    assert project == {"experiment_id": found["experiment_id"], "run_id": None}


def test_an_address_of_nothing_is_not_found(server: Server) -> None:
    """An unknown run, an unknown project, and somebody else's workspace are told apart by words only."""
    server.a_run("followed")
    for query in ({"project": "followed", "run": "none"}, {"project": "none", "run": "none"}):
        assert server.ask("GET", LINKS, params=query).status_code == 404
    elsewhere = {"x-assay-workspace": "elsewhere"}
    query = {"project": "followed"}
    assert server.ask("GET", LINKS, params=query, headers=elsewhere).status_code == 404
