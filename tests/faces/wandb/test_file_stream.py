"""The file stream without the client: what comes again, what is malformed, how a run ends."""

import gzip
import json
from typing import Any

import pytest

from assay.storage import runs
from tests.faces.wandb.conftest import Server


def history(server: Server, name: str) -> list[dict[str, Any]]:
    """The rows of a run."""
    return [json.loads(line) for line in server.run(name)["history"]]


def test_a_batch_that_comes_again_changes_nothing(server: Server) -> None:
    """The client sends a batch until it is answered; each row is there once."""
    name = server.a_run()
    rows = [{"_step": step, "_timestamp": 1_700_000_000.5 + step, "a": step} for step in range(3)]
    for _ in range(3):
        assert server.rows(name, *rows).status_code == 200
    assert [row["a"] for row in history(server, name)] == [0, 1, 2]
    assert server.run(name)["historyLineCount"] == 3


def test_bare_words_and_nested_values_read_back(server: Server) -> None:
    """NaN and infinities are numbers, members of objects stay in their objects, texts stay texts."""
    name = server.a_run()
    line = '{"_step":0,"a":NaN,"b":-Infinity,"n":{"x":{"y":1}},"t":"text","flag":true,"l":[1,"z"]}'
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": [line]}}}
    assert server.stream(name, body).status_code == 200
    (row,) = history(server, name)
    assert str(row["a"]) == "nan"
    assert row["b"] == float("-inf")
    assert row["n"] == {"x": {"y": 1}}
    assert (row["t"], row["flag"], row["l"]) == ("text", 1, [1, "z"])
    assert "n.x.y" in server.run(name)["historyKeys"]["keys"]


def test_a_packed_body_is_taken(server: Server) -> None:
    """Bodies may come as gzip."""
    name = server.a_run()
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"_step":0,"a":1}']}}}
    answer = server.ask(
        "POST",
        f"/files/default/raw/{name}/file_stream",
        content=gzip.compress(json.dumps(body).encode()),
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )
    assert answer.status_code == 200
    assert [row["a"] for row in history(server, name)] == [1]


def test_a_body_that_unpacks_without_end_is_refused(server: Server) -> None:
    """A bomb is refused at the limit, not unpacked."""
    name = server.a_run()
    answer = server.ask(
        "POST",
        f"/files/default/raw/{name}/file_stream",
        content=gzip.compress(b" " * (65 * 1024 * 1024)),
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"complete": True, "exitcode": 0}, "finished"),
        ({"complete": True, "exitcode": 1}, "failed"),
        ({"preempting": True}, "preempting"),
        ({}, "running"),
    ],
)
def test_the_last_batch_says_how_a_run_ended(
    server: Server, body: dict[str, Any], state: str
) -> None:
    """The state follows from what the client says of the end."""
    name = server.a_run()
    assert server.stream(name, body).status_code == 200
    assert server.run(name)["state"] == state


def test_a_run_that_is_asked_to_stop_hears_it(server: Server) -> None:
    """Each answer says whether to stop; a run that obeys was killed."""
    name = server.a_run()
    assert server.stream(name, {}).json()["stopped"] is False
    identifier = server.run(name)["id"]
    stop = "mutation($id: ID!) { stopRun(input: {id: $id}) { success } }"
    assert server.data(stop, id=identifier)["stopRun"]["success"] is True
    assert server.stream(name, {}).json()["stopped"] is True
    server.stream(name, {"complete": True, "exitcode": 255})
    assert server.run(name)["state"] == "killed"


def test_console_lines_are_overwritten_in_place(server: Server) -> None:
    """A progress bar writes the same line again; the last text stands."""
    name = server.a_run()
    for text in ("10%", "20%"):
        part = {
            "offset": 0,
            "content": [f"2026-11-23T06:20:14.580000 {text}", '{"content":"plain"}'],
        }
        assert server.stream(name, {"files": {"output.log": part}}).status_code == 200
    lines = [edge["node"] for edge in server.run(name)["logLines"]["edges"]]
    assert [line["line"] for line in lines] == ["20%", "plain"]
    assert lines[0]["timestamp"] == "2026-11-23T06:20:14.580000"


def test_system_metrics_stay_out_of_the_history(server: Server) -> None:
    """They are series under the reserved prefix, and read back under the client's names."""
    name = server.a_run()
    content = ['{"_wandb":true,"_timestamp":1700000000,"_runtime":1,"system.cpu":23.5}']
    server.stream(name, {"files": {"wandb-events.jsonl": {"offset": 0, "content": content}}})
    assert json.loads(server.run(name)["systemMetrics"])["system.cpu"] == 23.5
    assert history(server, name) == []
    keys = server.ask("GET", f"/api/v1/runs/{name}/metrics").json()["metrics"]
    assert "system/cpu" in {each["key"] for each in keys}


def test_the_summary_is_the_last_one_sent(server: Server) -> None:
    """It is replaced whole, and keys that no row has find the run."""
    name = server.a_run("summaries")
    for text in ('{"a":1,"b":2}', '{"best":3}'):
        part = {"offset": 0, "content": [text]}
        server.stream(name, {"files": {"wandb-summary.json": part}}, "summaries")
    server.stream(name, {"complete": True, "exitcode": 0}, "summaries")
    found = server.run(name, "summaries")
    assert json.loads(found["summaryMetrics"]) == {"best": 3}
    count = 'query($f: JSONString) { project(name: "summaries") { runCount(filters: $f) } }'
    answer = server.data(count, f='{"summary_metrics.best": {"$gt": 2}}')
    assert answer["project"]["runCount"] == 1
    assert found["history"] == []


def test_a_summary_may_come_before_its_rows(server: Server) -> None:
    """The client often sends it first; the rows have every key all the same."""
    name = server.a_run()
    part = {"offset": 0, "content": ['{"a":1,"n":{"b":2},"alone":3}']}
    server.stream(name, {"files": {"wandb-summary.json": part}})
    server.rows(name, {"_step": 0, "_timestamp": 1.7e9, "a": 1, "n": {"b": 2}})
    server.stream(name, {"complete": True, "exitcode": 0})
    row = {"_step": 0, "_timestamp": 1.7e9, "a": 1, "n": {"b": 2}}
    assert history(server, name) == [row]
    server.rows(name, {"_step": 1, "_timestamp": 1.7e9, "alone": 4}, first=1)
    assert history(server, name)[-1]["alone"] == 4
    points = server.ask("GET", f"/api/v1/runs/{name}/history", params={"key": "a"}).json()
    assert points["values"] == [1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"files": 1}',
        b'{"files": {"x": {"offset": -1, "content": []}}}',
        b'{"files": {"x": {"offset": 0, "content": [1]}}}',
        b"[" * 100_000,
    ],
)
def test_a_malformed_body_is_refused_with_a_reason(server: Server, body: bytes) -> None:
    """What can never be taken is a 400 that says why."""
    name = server.a_run()
    answer = server.ask(
        "POST",
        f"/files/default/raw/{name}/file_stream",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_line_that_is_no_json_does_not_stop_the_others(server: Server) -> None:
    """The client would give up the rest of the run upon a refusal."""
    name = server.a_run()
    part = {"offset": 0, "content": ["nonsense", '{"_step":1,"a":2}', "[1]"]}
    assert server.stream(name, {"files": {"wandb-history.jsonl": part}}).status_code == 200
    assert [row["a"] for row in history(server, name)] == [2]


def test_a_run_that_is_not_there_is_told_so(server: Server) -> None:
    """404, after which the client stops to try."""
    assert server.stream("never-made", {}).status_code == 404


def test_writers_of_one_run_do_not_overwrite_one_another(server: Server) -> None:
    """Each counts its console lines from zero."""
    name = server.a_run()
    for writer in ("w1", "w2"):
        part = {"offset": 0, "content": [f'{{"content":"line of {writer}"}}']}
        server.stream(
            name,
            {"files": {"output.log": part}},
            **{"x-wandb-use-async-filestream": "true", "x-wandb-async-client-id": writer},
        )
    lines = [edge["node"]["line"] for edge in server.run(name)["logLines"]["edges"]]
    assert lines == ["line of w1", "line of w2"]


def test_a_run_that_falls_silent_has_crashed_and_may_come_back(server: Server) -> None:
    """No sign of life for five minutes is a crash; the next batch takes it back."""
    name = server.a_run()
    server.stream(name, {})
    clients = server.app.services.clients
    now_ms = server.app.services.platform.now_ms()
    clients.runs.give_up_silent(now_ms + 60_000)
    assert server.run(name)["state"] == "running"
    clients.runs.give_up_silent(now_ms + 6 * 60_000)
    assert server.run(name)["state"] == "crashed"
    server.stream(name, {})
    assert server.run(name)["state"] == "running"


def test_a_wide_row_reads_the_same_whole_and_by_key(server: Server) -> None:
    """Many series are unpacked together, few one by one; gaps and later values come out alike."""
    name = server.a_run("wide")
    keys = [f"layer/{number}" for number in range(120)]
    rows = [
        {"_step": step, "_runtime": step, "_timestamp": 1.7e9 + step}
        | {key: step * 1000 + place for place, key in enumerate(keys) if (place + step) % 7}
        for step in range(6)
    ]
    for first in (0, 3):
        content = [json.dumps(row) for row in rows[first : first + 3]]
        files = {"wandb-history.jsonl": {"offset": first, "content": content}}
        assert server.stream(name, {"files": files}, "wide").status_code == 200
    services = server.app.services
    with services.platform.database.read() as tx:
        run = runs.find_run(tx, name)
    assert run is not None
    assert services.compaction.compact_run(run.pk, is_idle=True)
    content = [json.dumps({"_step": 6, "_runtime": 6, keys[0]: -1})]
    files = {"wandb-history.jsonl": {"offset": 6, "content": content}}
    assert server.stream(name, {"files": files}, "wide").status_code == 200
    whole = [json.loads(row) for row in server.run(name, "wide")["history"]]
    query = """query($n: String!, $s: [JSONString!]!) { project(name: "wide") { run(name: $n) {
      sampledHistory(specs: $s) } } }"""
    specs = [json.dumps({"keys": ["_step", key]}) for key in keys[:90]]
    by_key = server.data(query, n=name, s=specs)["project"]["run"]["sampledHistory"]
    for key, found in zip(keys, by_key, strict=False):
        assert [row[key] for row in found] == [row[key] for row in whole if key in row]
    assert whole[-1][keys[0]] == -1
    assert keys[0] not in whole[0]
