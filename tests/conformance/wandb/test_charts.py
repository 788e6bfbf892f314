"""Charts of the unmodified client: they are tables with a description, and lose nothing."""

import httpx2

from tests.conformance.wandb.conftest import Script
from tests.support.server import LiveServer

CHARTS = ["bar", "histogram", "line", "matrix", "pr", "roc", "scatter", "series"]


def test_every_chart_is_kept_with_its_table(script: Script, server: LiveServer) -> None:
    """Each is in the run with what it is drawn from; the alert is told; own presets are refused."""
    found = script("charts")
    assert (found["state"], found["last"]) == ("finished", len(CHARTS))
    assert found["shown"] == CHARTS
    assert found["tables"] == [f"{name}_table" for name in CHARTS]
    assert "no mutation 'createCustomChart'" in found["own"]
    events = httpx2.get(f"{server.url}/api/v1/ledger", params={"action": "run.alert"}).json()
    (told,) = [one for one in events["events"] if one["object"] == f"run:{found['id']}"]
    assert (told["details"]["title"], told["details"]["severity"]) == ("Loss", "WARN")
