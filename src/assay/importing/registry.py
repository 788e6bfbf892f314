"""How registered models arrive: versions under their numbers, then who holds which alias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from assay.domain.names import is_protected
from assay.importing.delivery import below, find, is_refusal
from assay.importing.history import Model, Version
from assay.importing.locations import Files, Places
from assay.importing.tally import Report
from assay.sdk.client import Client, url_path
from assay.sdk.transfer import file_digest

FilesOf = Callable[[Files], Mapping[str, Path]]
"""The files on this machine of a run or logged model."""

MAX_GAP: Final = 100_000


def carry_model(
    client: Client,
    model: Model,
    places: Places,
    files_of: FilesOf,
    protected: frozenset[str],
    report: Report,
) -> None:
    """Bring a registered model over, with its versions and aliases."""
    body = {
        "name": model.name,
        "created_at_ms": max(model.created_at_ms, 0),
        "description": model.description,
        "tags": dict(model.tags),
    }
    there = client.request("POST", "/import/models", json=body, idempotent=True).json
    tags = {key: there["tags"].get(key) for key in sorted(model.tags)}
    report.expect("models", [model.name, model.description, dict(sorted(model.tags.items()))])
    report.find("models", [there["name"], there["description"], tags])
    last = max(model.versions, default=0)
    if last - len(model.versions) > MAX_GAP:
        report.note_missing(f"model {model.name!r}: its version numbers have holes beyond reason")
        return
    labels = _labels(model, protected, report)
    for number in range(1, last + 1):
        version = model.versions.get(number)
        if version is None:
            # A number that was deleted is never given out again: a tombstone keeps its place.
            tombstone = {"version": number, "created_at_ms": 0, "updated_at_ms": 0}
            _send_version(client, model.name, {**tombstone, "is_deleted": True})
        else:
            _carry_version(client, model.name, version, places, files_of, labels, protected, report)
    _carry_aliases(client, model, labels, protected, report)


def _labels(model: Model, protected: frozenset[str], report: Report) -> dict[int, str]:
    """The stage of each version. One that is called like a protected alias goes with that alias."""
    labels = {number: version.stage for number, version in model.versions.items() if version.stage}
    for stage in sorted({label for label in labels.values() if is_protected(label, protected)}):
        staged = [number for number, label in labels.items() if label == stage]
        held = {alias.casefold(): number for alias, number in model.aliases.items()}
        keeper = held.get(stage.casefold(), max(staged))
        for number in staged:
            if number != keeper:
                del labels[number]
                report.note_change(
                    f"version {number} of {model.name!r} had the stage {stage!r} beside version "
                    f"{keeper}, which alone keeps it"
                )
    return labels


def _carry_version(
    client: Client,
    name: str,
    version: Version,
    places: Places,
    files_of: FilesOf,
    labels: Mapping[int, str],
    protected: frozenset[str],
    report: Report,
) -> None:
    origin = places.files_of(version)
    label = labels.get(version.version, "")
    body = {
        "version": version.version,
        "created_at_ms": max(version.created_at_ms, 0),
        "updated_at_ms": max(version.updated_at_ms, 0),
        "source": version.source,
        "run_id": origin.run_id,
        "artifact_path": origin.path,
        "logged_model_id": origin.model_id,
        "description": version.description,
        "run_link": version.run_link,
        # A label that is called like a protected alias is given with that alias.
        "stage": "" if is_protected(label, protected) else label,
        "tags": dict(version.tags),
    }
    there = _send_version(client, name, body)
    tags = {key: there["tags"].get(key) for key in sorted(version.tags)}
    report.expect(
        "versions",
        [
            name,
            version.version,
            version.source,
            version.description,
            dict(sorted(version.tags.items())),
        ],
    )
    report.find("versions", [name, there["version"], there["source"], there["description"], tags])
    expected = dict(below(files_of(origin), origin.path or "")) if _has_files(origin) else {}
    kept = client.get(url_path("models", name, "versions", version.version, "manifest"))["files"]
    report.compare(
        "version files",
        ([name, version.version, path, file_digest(file)] for path, file in expected.items()),
        ([name, version.version, entry["path"], entry["sha256"]] for entry in kept),
    )


def _has_files(origin: Files) -> bool:
    return origin.model_id is not None or origin.path is not None


def _send_version(client: Client, name: str, body: dict[str, Any]) -> Any:
    path = f"/import{url_path('models', name, 'versions')}"
    return client.request("POST", path, json=body, idempotent=True).json


def _carry_aliases(
    client: Client,
    model: Model,
    labels: Mapping[int, str],
    protected: frozenset[str],
    report: Report,
) -> None:
    for alias, (number, stage) in _arrivals(model, labels, protected, report).items():
        report.expect("aliases", [model.name, alias, number])
        path = f"/import{url_path('models', model.name, 'aliases', alias)}"
        try:
            client.put(path, {"version": number, "stage": stage})
        except Exception as error:
            if not is_refusal(error):
                raise
            report.note_missing(f"alias {alias!r} of {model.name!r}: {error}")
    for held in (find(client, url_path("models", model.name, "aliases")) or {})["aliases"]:
        if held["alias"] in _arrivals(model, labels, protected, None) and held["version"]:
            report.find("aliases", [model.name, held["alias"], held["version"]])


def _arrivals(
    model: Model, labels: Mapping[int, str], protected: frozenset[str], report: Report | None
) -> dict[str, tuple[int, str]]:
    """Who holds which alias, with the stage that goes with it.

    A stage that is called like a protected alias means that alias, also where nobody set it.
    """
    found = {alias: (number, "") for alias, number in model.aliases.items()}
    spelled = {alias.casefold(): alias for alias in model.aliases}
    for number, stage in labels.items():
        if not is_protected(stage, protected):
            continue
        alias = spelled.get(stage.casefold(), stage.casefold())
        if alias not in found and report is not None:
            report.note_change(
                f"version {number} of {model.name!r} had the stage {stage!r} and gets the alias "
                f"{alias!r} with it"
            )
        found[alias] = (number, stage)
    return found
