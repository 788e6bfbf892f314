"""`assay models`: registered, shown, fetched by alias, quarantined and cleared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import LINEAGE, add_run, add_version, answers

FINGERPRINT_FIELDS = {"base_model", "code_commit", "config", "data_version", "seed"}


def test_an_empty_registry_says_how_to_register(assay: Assay) -> None:
    """An empty state is a sentence with the next command."""
    assert "assay models register" in assay.done("models", "list")


def test_a_folder_of_a_run_is_registered_with_its_lineage(assay: Assay, client: Client) -> None:
    """Files that are no model of any framework, such as a bare adapter, are a version too."""
    run_id = add_run(client, files=answers(2))
    made = assay.json(
        "models", "register", "bot", "--run", run_id[:8], "--path", "adapter", "--tag", "team=a=b"
    )

    assert made["version"] == 1
    assert set(made["lineage"]) == FINGERPRINT_FIELDS
    assert made["lineage"]["seed"] == 7
    assert made["tags"] == {"team": "a=b"}
    assert len(made["fingerprint"]) == 64


def test_registration_names_what_the_lineage_lacks(assay: Assay, client: Client) -> None:
    """The refusal says which field is missing."""
    params = {key: value for key, value in LINEAGE.items() if key != "dataset_version"}
    told = assay(
        "models", "register", "bot", "--run", add_run(client, params=params, files=answers(1))
    )

    assert told.code == 1
    assert "data_version" in told.err


def test_a_given_lineage_keeps_the_spelling_of_its_numbers(
    assay: Assay, client: Client, tmp_path: Path
) -> None:
    """3.0 and 3 are different lineages, so the file goes to the server as it was written."""
    run_id = add_run(client, params={}, files=answers(1))
    fingerprints = []
    for spelling in ("3", "3.0", "3e0"):
        file = tmp_path / "lineage.json"
        file.write_text(
            '{"data_version": "d", "code_commit": "c", "base_model": "b", "seed": 1,'
            f' "config": {{"epochs": {spelling}}}}}'
        )
        words = ("models", "register", "bot", "--run", run_id, "--lineage", file)
        fingerprints.append(assay.json(*words)["fingerprint"])

    assert fingerprints[0] != fingerprints[1]
    assert fingerprints[1] == fingerprints[2]


@pytest.mark.parametrize("text", ["{", "lineage: 1", None])
def test_a_lineage_file_that_cannot_be_read_is_named(
    assay: Assay, client: Client, tmp_path: Path, text: str | None
) -> None:
    """Nothing is sent that is not JSON."""
    file = tmp_path / "lineage.json"
    if text is not None:
        file.write_text(text)

    told = assay("models", "register", "bot", "--run", add_run(client), "--lineage", file)

    assert told.code == 1
    assert "lineage.json" in told.err


def test_json_carries_every_version_whole(assay: Assay, client: Client) -> None:
    """Fingerprint, lineage, aliases and verdicts of each version, newest first."""
    add_version(client, "bot", 1)
    add_version(client, "bot", 2, seed=8)
    client.put("/models/bot/aliases/candidate", {"version": 2})

    found = assay.json("models", "show", "bot")

    assert [version["version"] for version in found["versions"]] == [2, 1]
    assert [version["aliases"] for version in found["versions"]] == [["candidate"], []]
    assert all(set(version["lineage"]) == FINGERPRINT_FIELDS for version in found["versions"])
    assert all(version["verdicts"] == [] for version in found["versions"])
    assert len({version["fingerprint"] for version in found["versions"]}) == 2


def test_a_version_is_shown_by_number_and_by_alias(assay: Assay, client: Client) -> None:
    """NAME/VERSION and NAME@ALIAS name the same thing."""
    add_version(client, "bot", 1)
    client.put("/models/bot/aliases/candidate", {"version": 1})

    assert assay.json("models", "show", "bot/1") == assay.json("models", "show", "bot@candidate")
    assert "No verdict yet" in assay.done("models", "show", "bot/1")


def test_the_table_of_a_model_lists_versions_and_aliases(assay: Assay, client: Client) -> None:
    """What people look for first."""
    add_version(client, "bot", 1)
    client.put("/models/bot/aliases/candidate", {"version": 1})

    shown = assay.done("models", "show", "bot")

    assert "candidate → 1 (revision 1)" in shown
    assert "bot" in assay.done("models", "list")
    assert "candidate" in assay.done("models", "versions", "bot")


def test_a_version_is_fetched_by_alias_and_verified(
    assay: Assay, client: Client, tmp_path: Path
) -> None:
    """What is served is what was registered, also after the run has overwritten its file."""
    number = add_version(client, "bot", 3)
    run_id = client.get(f"/models/bot/versions/{number}")["run_id"]
    client.put("/models/bot/aliases/candidate", {"version": number})
    client.request("PUT", f"/runs/{run_id}/files/adapter/answers.json", content=b"{}")

    assay.done("models", "download", "bot@candidate", tmp_path / "served")

    assert json.loads((tmp_path / "served/answers.json").read_text())["France"] == "Paris"
    assert assay.json("models", "verify", "bot@candidate", tmp_path / "served")["intact"]
    assert assay.json("models", "verify", f"bot/{number}")["intact"]


def test_a_download_goes_to_a_folder_called_like_the_model(
    assay: Assay, client: Client, tmp_path: Path
) -> None:
    """Where no folder is named, the files do not spill into the present one."""
    add_version(client, "bot", 1)
    assay.done("models", "download", "bot/1")

    assert (tmp_path / "bot/answers.json").is_file()


def test_a_download_without_a_version_is_not_guessed(assay: Assay, client: Client) -> None:
    """The newest version is not what is meant by a model's name."""
    add_version(client, "bot", 1)
    told = assay("models", "download", "bot")

    assert told.code == 1
    assert "bot@production or bot/1" in told.err


def test_an_alias_is_set_moved_told_and_removed(assay: Assay, client: Client) -> None:
    """An alias that is not protected moves freely, and its history stays."""
    add_version(client, "bot", 1)
    add_version(client, "bot", 2)
    assay.done("models", "alias", "bot/1", "candidate", "--reason", "first try")
    assay.done("models", "alias", "bot/2", "candidate")
    assay.done("models", "unalias", "bot@candidate")

    moves = assay.json("models", "history", "bot@candidate")["moves"]

    assert [(move["kind"], move["to_version"]) for move in moves] == [
        ("set", 1),
        ("set", 2),
        ("removed", None),
    ]
    assert "first try" in assay.done("models", "history", "bot@candidate")


def test_a_protected_alias_does_not_move_by_hand(assay: Assay, client: Client) -> None:
    """The same door as a promotion: held, with the reason."""
    add_version(client, "bot", 1)
    told = assay("models", "alias", "bot/1", "production")

    assert told.code == 1
    assert "no gate" in told.err


def test_a_version_is_quarantined_and_cleared_with_a_reason(assay: Assay, client: Client) -> None:
    """Both are said why, and the version shows it."""
    add_version(client, "bot", 1)
    assay.done("models", "quarantine", "bot/1", "--reason", "leaks prompts")

    assert "quarantined (leaks prompts)" in assay.done("models", "show", "bot/1")

    assay.done("models", "clear", "bot/1", "--reason", "was the harness")

    assert assay.json("models", "show", "bot/1")["state"] == "registered"
    assert assay("models", "quarantine", "bot/1").code == 2


def test_deleting_asks_for_yes_and_respects_aliases(assay: Assay, client: Client) -> None:
    """What cannot be undone is said twice; what an alias holds stays."""
    add_version(client, "bot", 1)
    client.put("/models/bot/aliases/candidate", {"version": 1})

    assert "--yes" in assay("models", "delete", "bot/1").err
    assert "candidate" in assay("models", "delete", "bot/1", "--yes").err

    client.delete("/models/bot/aliases/candidate")
    assay.done("models", "delete", "bot/1", "--yes")

    assert assay("models", "show", "bot/1").code == 1
