"""Registries of the unmodified client: the lineage rule and the gate hold at this door too."""

from pathlib import Path
from typing import Any

from tests.conformance.mlflow.examiner import Examiner
from tests.conformance.wandb.conftest import run_script
from tests.support.server import LiveServer


def test_a_model_is_linked_held_examined_and_promoted(server: LiveServer, tmp_path: Path) -> None:
    """Linking registers under the lineage rule; a protected alias moves after the gate, not before."""
    folder, project = tmp_path / "client", "reg"
    model = f"capital-{project}"
    found = run_script("registry", server.url, folder, project, "link")
    assert found["linked"] == [
        f"{model}:v0",
        ["candidate", "latest"],
        "wandb-registry-model",
        True,
    ]
    assert "no gate guards model" in found["held"]
    assert found["shelf"] == ["shelf:v0", ["latest", "x"]]
    assert "protected" in found["shelf_held"]
    assert found["legacy"].endswith(f"legacy-{project}:v0")
    for field in ("data_version", "base_model", "seed"):
        assert field in found["open"]
    assert found["read"] == [f"{model}:candidate", ["candidate", "latest"], "adapter:v0"]
    assert len(found["links"]) == 2
    assert found["registry"] == "wandb-registry-model"
    assert found["collections"] == [True, False]
    assert found["versions"] == [f"{model}:v0"]
    examiner = Examiner(server)
    examiner.a_gate(tmp_path, model)
    assert "no verdict" in run_script("registry", server.url, folder, project, "ask")["held"]
    assert examiner.examine(model, right=2) == "pass"
    found = run_script("registry", server.url, folder, project, "promote")
    assert found["promoted"].startswith("done")
    assert found["serving"] == "v0"
    assert "alias" in found["unlink_held"]
    assert "cannot be removed" in found["removal_held"]
    assert found["shelf_left"] is False
    check_made(run_script("registry", server.url, folder, project, "make"))


def check_made(found: dict[str, Any]) -> None:
    """A registry is made, described and found; what it cannot be is refused; aliases move."""
    assert (found["made"], found["listed"], found["changed"]) == ([True, "d"], True, "changed")
    assert "already exists" in found["again"]
    assert "Failed to create registry" in found["restricted"]
    assert found["members"] == [1, []]
    assert "Failed to load" in found["unknown"]
    assert {"checked", "production"} <= set(found["aliases"])
    assert "candidate" not in found["aliases"]
    assert found["projects"] is False
