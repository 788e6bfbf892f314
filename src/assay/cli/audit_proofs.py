"""`assay audit checkpoint`, `anchor`, `keys`, `export`: what can be checked without this server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import plural, print_json, say
from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound

if TYPE_CHECKING:
    from assay.domain.checkpoint import Checkpoint
    from assay.sdk.client import Client
    from assay.services.audit_anchors import Anchors

PAGE_SEPARATOR = "\x1e"
_DAY_MS = 86_400_000
_OTHER_KEY = (
    "the server signs with a key that is not kept with the anchors. If you changed its key, add the "
    "new one from `assay audit keys` to keys.txt beside the anchors, or give it with --key (as well "
    "as the old one); if nobody did, this is not the server that they came from"
)


def checkpoint(*, out: Path | None = None, options: Options = DEFAULTS) -> None:
    """Sign the ledger as it is now, and print the signed text.

    Args:
        out: Write it to this file instead; it must not exist.
    """
    made = options.client().post("/ledger/checkpoints", {})
    if out is not None:
        with out.open("x", encoding="utf-8", newline="\n") as file:
            file.write(made["note"])
    if options.json:
        print_json(made)
    elif out is None:
        say(made["note"].rstrip("\n"))
    else:
        say(f"Signed: {plural(made['size'], 'event')}, in {out}.")


def anchor(*, to: str, options: Options = DEFAULTS) -> None:
    """Sign the ledger as it is now, and keep that where the server's owner cannot change it quietly.

    Run it from time to time (or start the server with --anchor-to), and give the place to
    `assay audit verify --anchors` later.

    Args:
        to: A folder, git:FOLDER (one commit for each, pushed where a remote is set), or a bucket
            such as s3://audit/assay.
    """
    from assay.services.anchors import open_sink

    client = options.client()
    sink = open_sink(to)
    made = client.post("/ledger/checkpoints", {})
    name = sink.put(made["note"], client.get("/ledger/keys")["keys"])
    if options.json:
        print_json({"place": sink.place, "name": name, "size": made["size"], "root": made["root"]})
    else:
        say(f"Anchored {plural(made['size'], 'event')} in {sink.place}: {name}")


def keys(*, options: Options = DEFAULTS) -> None:
    """Print the public keys that checkpoints are signed with. Keep them elsewhere, too."""
    found = options.client().get("/ledger/keys")
    if options.json:
        print_json(found)
    else:
        for key in found["keys"]:
            say(key)


def export(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    start: Annotated[str | None, Parameter(name="--from")] = None,
    end: Annotated[str | None, Parameter(name="--to")] = None,
    workspace: str | None = None,
    since: Path | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Write events with their proofs into a folder that can be verified anywhere with Python alone.

    The folder holds the events, a signed checkpoint, proofs that the events are in it, and
    `verify.py`, which needs no installation: python3 -I verify.py

    Args:
        out: The folder; it must not exist or be empty.
        start: First event: its number, or a day (2026-01-31). Default: the first there is.
        end: Last event: its number, or a day, which is included. Default: the newest.
        workspace: Only the events of this workspace. Default: all.
        since: A checkpoint kept from earlier; the export proves that nothing before it changed.
    """
    client = options.client()
    if out.exists() and any(out.iterdir()):
        raise FailedPrecondition(f"{out} is not empty.", field="out")
    made = client.post("/ledger/checkpoints", {})
    size = made["size"]
    first, last = _range(client, start, end, size)
    earlier = _earlier(client, first, size, since)
    proof: list[str] = []
    if earlier is not None:
        asked = {"old_size": earlier["size"], "size": size}
        proof = client.get("/ledger/proof/consistency", **asked)["hashes"]
    out.mkdir(parents=True, exist_ok=True)
    count = _write_events(out, _pages(client, first, last, size, workspace))
    proofs = {"consistency": proof, "earlier": None if earlier is None else earlier["note"]}
    known = client.get("/ledger/keys")["keys"]
    _write_proofs(out, proofs, made["note"], known)
    if options.json:
        print_json(
            {"from_seq": first, "to_seq": last, "events": count, "size": size, "keys": known}
        )
    else:
        say(f"Exported {plural(count, 'event')} among {first} to {last} to {out}.")
        trusted = "".join(f" --key '{key}'" for key in known)
        say(f"Verify it anywhere: python3 -I {out / 'verify.py'}{trusted}")


def open_anchors(place: str, trusted: tuple[str, ...]) -> Anchors:
    """The anchors that a place keeps, and the keys that may have signed them."""
    from assay.domain.checkpoint import parse_key
    from assay.services.anchors import open_sink, read_anchors
    from assay.services.audit_anchors import Anchors

    sink = open_sink(place)
    found, beside = read_anchors(sink)
    return Anchors(found, [parse_key(text) for text in trusted] or beside, sink.identity)


def compare_with_server(client: Client, kept: Anchors, report: dict[str, Any]) -> None:
    """Let the server prove that its ledger goes on from every anchor; what it cannot is a finding."""
    from assay.domain.checkpoint import parse_note
    from assay.services.anchors import lost, misnamed
    from assay.services.ledger_key import is_signed

    now = parse_note(client.post("/ledger/checkpoints", {})["note"])
    wrong = [] if not kept.keys or is_signed(now, kept.keys) else [_finding(_OTHER_KEY)]
    last = report["anchored"].get(kept.place)
    gone = [] if last is None else lost(kept.place, [last], kept.anchors)
    replaced = [fault for fault in map(misnamed, kept.anchors) if fault is not None]
    wrong += [_finding(fault) for fault in (*gone, *replaced)]
    for anchor in kept.anchors:
        name = f"{anchor.name}:"
        if kept.keys and not is_signed(anchor.note, kept.keys):
            wrong.append(_finding(f"{name} no trusted key has signed it"))
        then = anchor.note.checkpoint
        if then.size > now.checkpoint.size:
            wrong.append(
                _finding(
                    f"{name} the ledger had {then.size} events then, now it has "
                    f"{now.checkpoint.size}: some were cut off, or an older backup was restored"
                )
            )
        elif not _goes_on(client, then, now.checkpoint):
            wrong.append(_finding(f"{name} the ledger was rewritten since"))
    report["anchors"] = len(kept.anchors)
    report["findings"] = [*report["findings"], *wrong]
    report["finding_count"] += len(wrong)
    report["is_intact"] = report["finding_count"] == 0


def _finding(message: str) -> dict[str, Any]:
    return {"area": "anchors", "message": message, "seq": None}


def _goes_on(client: Client, then: Checkpoint, now: Checkpoint) -> bool:
    from assay.domain.merkle import verify_consistency

    if then.origin != now.origin:
        return False
    answer = client.get("/ledger/proof/consistency", old_size=then.size, size=now.size)
    hashes = [bytes.fromhex(value) for value in answer["hashes"]]
    return verify_consistency(then.size, now.size, then.root, now.root, hashes)


def _pages(
    client: Any, first: int, last: int, size: int, workspace: str | None
) -> Iterator[dict[str, Any]]:
    following: int | None = first
    while following is not None:
        page = client.get(
            "/ledger/export", from_seq=following, to_seq=last, size=size, workspace=workspace
        )
        yield page
        following = page["next_seq"]


def _range(client: Any, start: str | None, end: str | None, size: int) -> tuple[int, int]:
    """The numbers that were asked for, or those of the days that were."""
    first = _number(start, 1)
    last = _number(end, size)
    if first is None or last is None:
        from_ms = 0 if first is not None else _day(start, "--from")
        to_ms = 2**62 if last is not None else _day(end, "--to") + _DAY_MS
        found = client.get("/ledger/range", from_ms=from_ms, to_ms=to_ms)
        if found["from_seq"] is None:
            raise NotFound("There is no event of that time.")
        first = found["from_seq"] if first is None else first
        last = found["to_seq"] if last is None else last
    if not 1 <= first <= last:
        raise InvalidArgument(f"There are no events from {first} to {last}.", field="from")
    return first, min(last, size)


def _number(text: str | None, default: int) -> int | None:
    if text is None:
        return default
    return int(text) if text.isascii() and text.isdigit() else None


def _day(text: str | None, flag: str) -> int:
    try:
        return int(datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        raise InvalidArgument(f"{flag} is an event's number or a day such as 2026-01-31.") from None


def _write_events(out: Path, pages: Iterator[dict[str, Any]]) -> int:
    count = 0
    with (
        (out / "events.jsonl").open("w", encoding="utf-8", newline="\n") as events,
        (out / "statements.txt").open("w", encoding="utf-8", newline="\n") as statements,
    ):
        for number, page in enumerate(pages):
            events.write(page["lines"])
            statements.write(PAGE_SEPARATOR * bool(number) + page["statement"])
            count += page["events"]
    return count


def _write_proofs(out: Path, proofs: dict[str, Any], note: str, known: list[str]) -> None:
    """Everything beside the events: proofs, checkpoint, keys and the verifier."""
    from assay.cli import export_verifier

    for name, text in (
        ("proofs.json", json.dumps(proofs, sort_keys=True, separators=(",", ":")) + "\n"),
        ("checkpoint.txt", note),
        ("key.txt", "".join(f"{key}\n" for key in known)),
        ("verify.py", Path(export_verifier.__file__).read_text("utf-8")),
    ):
        (out / name).write_text(text, encoding="utf-8", newline="\n")


def _earlier(client: Any, first: int, size: int, since: Path | None) -> dict[str, Any] | None:
    """The checkpoint to prove consistency with: the one given, else the newest before the events."""
    from assay.domain.checkpoint import parse_note

    if since is not None:
        text = since.read_text("utf-8")
        return {"size": parse_note(text).checkpoint.size, "note": text}
    token, found = None, None
    while True:
        page = client.get("/ledger/checkpoints", max_results=1_000, page_token=token)
        for made in page["checkpoints"]:
            if made["size"] < size:
                found = made
            if made["size"] < first:
                return dict(made)
        token = page["next_page_token"]
        if token is None:
            return found
