"""Alerts of a run's script: all are kept, the first are told to those who asked for them."""

import json
from typing import Any

from assay.domain.webhook import EventKind
from assay.services.client_runs import MAX_TOLD_ALERTS
from tests.faces.wandb.conftest import Server

ALERT = """mutation($input: NotifyScriptableRunAlertInput!) {
  notifyScriptableRunAlert(input: $input) { success } }"""


def an_alert(server: Server, run: str, **more: Any) -> None:
    """Send one."""
    given = {"entityName": "default", "projectName": "raw", "runName": run, **more}
    answer = server.data(ALERT, input={"title": "Loss", "text": "It rises.", **given})
    assert answer["notifyScriptableRunAlert"] == {"success": True}


def told(server: Server, run: str) -> list[dict[str, Any]]:
    """The alerts of a run in the ledger, newest first."""
    query = f"/api/v1/ledger?action=run.alert&object=run:{run}&max_results=100"
    events = server.ask("GET", query).json()["events"]
    assert isinstance(events, list)
    return events


def test_an_alert_is_a_record_and_an_event(server: Server) -> None:
    """The page shows it with the run, and webhooks can ask for `run.alert`."""
    run = server.a_run()
    an_alert(server, run, severity="ERROR")
    (event,) = told(server, run)
    assert event["details"] == {
        "number": 0,
        "title": "Loss",
        "text": "It rises.",
        "severity": "ERROR",
    }
    hook = {"name": f"hook-{run}", "url": "https://hooks.example.org/x", "events": ["run.alert"]}
    assert EventKind("run.alert") is EventKind.RUN_ALERT
    assert server.ask("POST", "/api/v1/webhooks", json=hook).status_code == 201


def test_a_script_in_a_loop_does_not_fill_the_ledger(server: Server) -> None:
    """Only the first alerts of a run are events; all are records."""
    run = server.a_run()
    for number in range(MAX_TOLD_ALERTS + 3):
        an_alert(server, run, text=str(number))
    assert len(told(server, run)) == MAX_TOLD_ALERTS
    path = f"/api/v1/runs/{run}/records?key=system/alerts"
    records = server.ask("GET", path).json()
    assert str(MAX_TOLD_ALERTS + 2) in json.dumps(records)
