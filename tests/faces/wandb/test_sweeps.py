"""Sweeps on the wire, without the client: what it needs in every answer, and what it must not get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faces.wandb.conftest import Server

CREATE = """mutation UpsertSweep($config: String, $projectName: String, $filters: JSONString) {
  upsertSweep(input: {config: $config, projectName: $projectName, entityName: "default",
  priorRunsFilters: $filters}) { sweep { id name displayName method state description bestLoss
  config createdAt updatedAt runCount runCountExpected earlyStopJobRunning
  project { id name entity { id name } } } configValidationWarnings } }"""
STATE = """mutation UpsertSweep($id: ID, $state: String) {
  upsertSweep(input: {id: $id, state: $state}) { sweep { name state } } }"""
AGENT = """mutation CreateAgent($sweep: String!, $project: String) {
  createAgent(input: {host: "h", projectName: $project, entityName: "default", sweep: $sweep}) {
  agent { id } } }"""
BEAT = """mutation Heartbeat($id: ID!, $runState: JSONString) {
  agentHeartbeat(input: {id: $id, metrics: "{}", runState: $runState}) { agent { id } commands } }"""
READ = """query Sweep($p: String!, $n: String!, $specs: [JSONString!]!) {
  project(name: $p, entityName: "default") { totalSweeps sweeps(first: 10) { edges { node { name } }
  pageInfo { endCursor hasNextPage } } sweep(sweepName: $n) { id name state config heartbeatAt
  controller scheduler agents { edges { node { id name host state totalRuns createdAt heartbeatAt
  runs(first: 5) { edges { node { name } } pageInfo { endCursor hasNextPage } } } } }
  runs { edges { node { name state config exitcode heartbeatAt shouldStop failed stopped running
  summaryMetrics sampledHistory(specs: $specs) } } } } } }"""
CONFIG = "method: grid\nname: mine\nprogram: train.py\nparameters:\n  x:\n    values:\n    - 1\n    - 2\n"


def made(server: Server, project: str, config: str = CONFIG, **more: Any) -> Any:
    return server.data(CREATE, config=config, projectName=project, **more)["upsertSweep"]


def beat(server: Server, agent: str, *running: str) -> list[Any]:
    state = json.dumps(dict.fromkeys(running, True))
    commands = server.data(BEAT, id=agent, runState=state)["agentHeartbeat"]["commands"]
    assert isinstance(commands, str)
    found: list[Any] = json.loads(commands)
    return found


def an_agent(server: Server, project: str, sweep: str) -> str:
    agent: str = server.data(AGENT, sweep=sweep, project=project)["createAgent"]["agent"]["id"]
    return agent


def test_a_sweep_says_all_that_the_client_reads(server: Server) -> None:
    """None of the fields that the client checks is null."""
    answer = made(server, "sweep-made")
    sweep = answer["sweep"]

    assert sweep["project"]["name"] == "sweep-made"
    assert sweep["project"]["entity"]["name"] == "default"
    assert (sweep["method"], sweep["state"], sweep["config"]) == ("grid", "PENDING", CONFIG)
    assert (sweep["runCount"], sweep["runCountExpected"]) == (0, 2)
    assert answer["configValidationWarnings"] == []


def test_commands_are_a_text_of_one_list(server: Server) -> None:
    """A run with its values in the client's wrapping, then nothing while it runs, then the way out."""
    sweep = made(server, "sweep-beat")["sweep"]["name"]
    agent = an_agent(server, "sweep-beat", sweep)
    for value in (1, 2):
        (command,) = beat(server, agent)
        assert command["type"] == "run"
        assert command["program"] == "train.py"
        assert command["args"] == {"x": {"value": value}}
        name = command["run_id"]
        assert beat(server, agent, name) == []
        server.data(
            "mutation U($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id } } }",
            i={
                "modelName": "sweep-beat",
                "entityName": "default",
                "name": name,
                "sweep": sweep,
                "state": "finished",
            },
        )

    assert beat(server, agent) == [{"type": "exit"}]
    read = server.data(READ, p="sweep-beat", n=sweep, specs=["{}"])["project"]
    assert read["totalSweeps"] == 1
    assert [edge["node"]["name"] for edge in read["sweeps"]["edges"]] == [sweep]
    assert read["sweep"]["state"] == "FINISHED"
    assert len(read["sweep"]["runs"]["edges"]) == 2
    (told,) = [edge["node"] for edge in read["sweep"]["agents"]["edges"]]
    assert (told["host"], told["totalRuns"], told["id"]) == ("h", 2, agent)
    assert len(told["runs"]["edges"]) == 2


def test_states_are_changed_by_the_client_s_words(server: Server) -> None:
    """A paused sweep gives no orders, a canceled one sends its agents away."""
    sweep = made(server, "sweep-state")["sweep"]
    agent = an_agent(server, "sweep-state", sweep["name"])
    for state in ("PAUSED", "RUNNING", "CANCELED"):
        answer = server.data(STATE, id=sweep["id"], state=state)["upsertSweep"]["sweep"]
        assert answer["state"] == state
        if state == "PAUSED":
            assert beat(server, agent) == []

    assert beat(server, agent, "some-run") == [{"type": "exit"}]


def test_prior_runs_join_a_sweep(server: Server) -> None:
    """The runs that a filter names belong to it from then on."""
    name = server.a_run("sweep-prior")
    filters = json.dumps({"$or": [{"name": name}]})
    sweep = made(server, "sweep-prior", filters=filters)["sweep"]["name"]

    assert server.run(name, "sweep-prior")["sweepName"] == sweep


@pytest.mark.parametrize(
    "config",
    [
        "",
        "just words",
        "method: grid\n",
        "a: &x 1\n",
        "- " * 40 + "1",
        "method: grid\nparameters:\n  x:\n    min: 0.0\n    max: 1.0\n",
    ],
)
def test_a_config_that_means_nothing_is_refused(server: Server, config: str) -> None:
    """At once and for good: the client does not ask again."""
    answer = server.graphql(CREATE, config=config, projectName="sweep-bad")

    assert answer.status_code in (400, 413)
    assert answer.json()["errors"][0]["message"]


def test_what_is_not_there_is_404_for_an_agent(server: Server) -> None:
    """It is how an agent hears that its sweep is gone."""
    sweep = made(server, "sweep-gone")["sweep"]
    agent = an_agent(server, "sweep-gone", sweep["name"])
    other = "QWdlbnQ6OTk5OTk5OTk="

    assert agent != other
    assert server.graphql(BEAT, id=other, runState="{}").status_code == 404
    assert server.graphql(AGENT, sweep="nope", project="sweep-gone").status_code == 404
    assert server.graphql(BEAT, id=sweep["id"], runState="{}").status_code == 400
    assert server.graphql(BEAT, id=agent, runState="[]").status_code == 400
    assert server.data(READ, p="sweep-gone", n="nope", specs=["{}"])["project"]["sweep"] is None


def test_a_sweep_is_pending_until_an_agent_comes(server: Server) -> None:
    """From then on it runs, whether or not the agent has begun anything."""
    sweep = made(server, "sweep-pending")["sweep"]
    an_agent(server, "sweep-pending", sweep["name"])
    found = server.data(READ, p="sweep-pending", n=sweep["name"], specs=[])["project"]["sweep"]
    assert (sweep["state"], found["state"]) == ("PENDING", "RUNNING")


def test_prior_runs_of_a_sweep_are_told_apart_from_its_own(server: Server) -> None:
    """Those that were adopted when it was made, and not those that it started."""
    project = "sweep-prior"
    prior = server.a_run(project)
    server.a_run(project)
    filters = json.dumps({"$or": [{"name": prior}]})
    sweep = made(server, project, filters=filters)["sweep"]["name"]
    server.a_run(project, sweep=sweep)
    query = """query($p: String!, $n: String!) { project(name: $p, entityName: "default") {
      sweep(sweepName: $n) { priorRuns { edges { node { name } } }
      runs { edges { node { name } } } } } }"""
    found = server.data(query, p=project, n=sweep)["project"]["sweep"]
    assert [edge["node"]["name"] for edge in found["priorRuns"]["edges"]] == [prior]
    assert len(found["runs"]["edges"]) == 2
