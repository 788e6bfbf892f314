"""Artifacts of the unmodified client: logged, read back, changed, used, fetched and deleted."""

from pathlib import Path

from tests.conformance.wandb.conftest import Script, run_script
from tests.support.server import LiveServer

FILES = ["adapter_config.json", "adapter_model.safetensors", "sub/README.md"]


def test_an_artifact_lives_its_whole_life(either_server: LiveServer, tmp_path: Path) -> None:
    """Versions, aliases, tags, metadata, references, drafts, lineage and deletion, on both databases."""
    found = run_script("artifacts", either_server.url, tmp_path / "client", "life")
    assert found["first"] == [
        "qwen3-8b-sft:v0",
        "v0",
        ["best", "latest"],
        ["first"],
        "COMMITTED",
    ]
    assert (found["again"], found["changed"], found["data"]) == ("v0", "v1", "v0")
    assert found["draft"] == ["extra.jsonl", "more", "rows.jsonl"]
    assert (found["fetched"], found["same"]) == (FILES, True)
    assert found["entry"] == '{"prompt": "p"}\n'
    assert found["near"] == ["rows.jsonl"]
    assert found["best"] == ["qwen3-8b-sft:best", 3, {"r": 16}, "an adapter", found["digest"]]
    assert found["edited"] == [["prod"], {"r": 16, "z": 2}, ["second"], 3]
    assert (found["types"], found["collections"]) == (["dataset", "model"], ["qwen3-8b-sft"])
    assert (found["versions"], found["left"]) == (["v1", "v0"], ["v0"])
    assert found["files"] == FILES
    assert (found["logged_by"], found["used_by"]) == (True, [True])
    assert found["logged"] == ["mix:v0", "mix:v1", "near:v0", "qwen3-8b-sft:v0", "qwen3-8b-sft:v1"]
    assert found["used"] == ["mix:v0", "near:v0", "qwen3-8b-sft:v0"]
    assert found["collection"] == ["adapters", ["team"], ["latest", "prod"]]
    assert "'prod' names it" in found["held"]
    assert found["exists"] == [True, False]


def test_an_artifact_that_was_logged_offline_arrives(script: Script) -> None:
    """The sync names no entity; the artifact lands in the key's own workspace."""
    assert script("offline_artifact") == {"version": "v0", "text": "offline weights"}
