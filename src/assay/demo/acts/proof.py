"""Rollback, serving by alias, and the proof: an audit that passes, and one that a changed byte fails."""

from __future__ import annotations

import hashlib

from assay.demo.acts.contest import ALIAS, holder
from assay.demo.cast import MODEL, Cast
from assay.demo.stage import Stage
from assay.demo.tampering import copy_data, flip_one_byte
from assay.sdk.client import url_path


def roll_back(stage: Stage, cast: Cast) -> None:
    """One step back to the champion before; what is left is set aside."""
    left = holder(stage)
    assert left is not None
    stage.assay("rollback", MODEL)
    with stage.client as client:
        version = client.get(url_path("models", MODEL, "versions", left))
    stage.narrator.claim(
        f"{MODEL}@{ALIAS} is version 1 again, version {left} is quarantined",
        holds=holder(stage) == 1 and version["state"] == "quarantined",
        seen=(holder(stage), version["state"]),
    )
    cast.versions[left].fates.append("rolled back, quarantined")
    cast.versions[1].fates.append("champion again")


def download(stage: Stage) -> None:
    """What the alias names comes with every digest checked, here once more by hand."""
    stage.assay("models", "download", f"{MODEL}@{ALIAS}", stage.folders.served)
    with stage.client as client:
        resolved = client.get(url_path("models", MODEL, "aliases", ALIAS))
    wanted = {file["path"]: file["sha256"] for file in resolved["files"]}
    found = {
        path.relative_to(stage.folders.served).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in stage.folders.served.rglob("*")
        if path.is_file()
    }
    stage.narrator.claim(
        f"{len(found)} files, every SHA-256 as it was frozen at registration",
        holds=bool(wanted) and found == wanted,
        seen=(found, wanted),
    )


def audit(stage: Stage) -> None:
    """The server's ledger is intact, and so is a copy of it, checked without the server."""
    served = stage.assay("audit", "verify").output.splitlines()
    copy_data(stage.folders.server, stage.folders.copy)
    copied = stage.assay("audit", "verify", "--data", stage.folders.copy).output.splitlines()
    stage.narrator.claim(
        "the ledger and its copy are intact, and end with the same event",
        holds=served[0].startswith("Intact") and served[-1] == copied[-1],
        seen=(served, copied),
    )


def audit_after_tampering(stage: Stage) -> None:
    """One byte of the copy is changed in the file itself; the audit finds the event."""
    change = flip_one_byte(stage.folders.copy)
    stage.narrator.say(
        f"By hand, in the copy's file: byte {change.offset:,} is changed, and event {change.seq}, "
        f"the last promotion, was made by {change.after!r} instead of {change.before!r}."
    )
    broken = stage.assay("audit", "verify", "--data", stage.folders.copy, expect=1)
    stage.narrator.claim(
        f"one byte, and the audit fails at event {change.seq}",
        holds=f"event {change.seq}:" in broken.output,
        seen=broken.output,
    )
