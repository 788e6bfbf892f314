"""`assay promote` and `assay rollback`: moving a protected alias, and every reason for not moving it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from assay.cli.lookup import parse_reference, version_of
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import complain, note, plural, print_facts, print_json, say, score
from assay.domain.errors import InvalidArgument
from assay.domain.ids import parse_version
from assay.sdk.client import url_path
from assay.sdk.errors import ApiError

if TYPE_CHECKING:
    from assay.sdk.client import Client

_HELD = 1
_OPEN = frozenset({"queued", "leased"})
_POLL_S = 0.5
_HINT_AFTER_S = 10.0

Revision = Annotated[int | None, Parameter(metavar="N")]
Reason = Annotated[str, Parameter(metavar="TEXT")]


def promote(
    model: str,
    version: str | None = None,
    /,
    *,
    alias: str = "production",
    expected_revision: Revision = None,
    reason: Reason = "",
    preview: Annotated[bool, Parameter(name=("--preview", "--dry-run"))] = False,
    wait: bool = False,
    timeout: Annotated[float, Parameter(metavar="SECONDS")] = 3600,
    options: Options = DEFAULTS,
) -> int:
    """Let a version take a protected alias, if the gate allows it.

    Exits with 1 and every reason when the promotion is held. What it lacks, such as the version's
    exam or the champion's, is queued; with --wait the promotion is tried again once that is over.

    Args:
        model: NAME, or NAME/VERSION.
        version: The version's number.
        alias: The alias.
        expected_revision: Refuse if the alias has moved since this revision.
        reason: Why; kept in the ledger.
        preview: Say what would be decided, and change and queue nothing.
        wait: Wait for queued gate runs to end, then promote.
        timeout: Wait at most so long.
    """
    client = options.client()
    name, number = _challenger(client, model, version)
    body = {
        "version": number,
        "alias": alias,
        "expected_revision": expected_revision,
        "reason": reason,
    }
    if preview:
        proposal = client.post(url_path("models", name, "promotion-preview"), body)
        return _show_preview(proposal, options)
    deadline_s = time.monotonic() + timeout
    while True:
        try:
            move = client.post(url_path("models", name, "promote"), body)
        except ApiError as error:
            queued = error.details.get("queued")
            if error.code != "gate_blocked":
                raise
            if not (wait and isinstance(queued, list) and queued):
                return _held(error, name, number, options)
            # An exam that could not be held would be queued again and again.
            if not _wait_for(client, [str(run) for run in queued], deadline_s):
                wait = False
            continue
        return _promoted(move, name, options)


def rollback(
    model: str,
    /,
    *,
    alias: str = "production",
    expected_revision: Revision = None,
    reason: Reason = "",
    options: Options = DEFAULTS,
) -> None:
    """Give a protected alias back to its holder before, and quarantine the version that it left.

    A second rollback goes one further.

    Args:
        model: NAME, or NAME@ALIAS.
        alias: The alias.
        expected_revision: Refuse if the alias has moved since this revision.
        reason: Why; kept in the ledger.
    """
    reference = parse_reference(model)
    if reference.version is not None:
        raise InvalidArgument("A rollback returns to the holder before; it takes no version.")
    body = {
        "alias": reference.alias or alias,
        "expected_revision": expected_revision,
        "reason": reason,
    }
    move = options.client().post(url_path("models", reference.name, "rollback"), body)
    if options.json:
        print_json(move)
        return
    say(
        f"Rolled back: version {move['to_version']} holds {reference.name}@{move['alias']} again "
        f"(revision {move['revision']}, event {move['ledger_seq']})."
    )
    if move["from_version"] is not None:
        left = f"{reference.name}/{move['from_version']}"
        say(
            f"Version {move['from_version']} is quarantined until "
            f"`assay models clear {left} --reason …`."
        )


def _challenger(client: Client, model: str, version: str | None) -> tuple[str, int]:
    reference = parse_reference(model)
    if version is not None and reference.version is None and reference.alias is None:
        return reference.name, parse_version(version)
    if version is not None:
        raise InvalidArgument("Name the version once: MODEL VERSION, or MODEL/VERSION.")
    return reference.name, version_of(client, reference)


def _promoted(move: dict[str, Any], name: str, options: Options) -> int:
    if options.json:
        print_json({"promoted": True, **move})
        return 0
    say(
        f"Promoted: {name} version {move['to_version']} holds {move['alias']!r} "
        f"(revision {move['revision']}, event {move['ledger_seq']})."
    )
    if move["decision"] is not None:
        _print_decision(move["decision"])
    return 0


def _held(error: ApiError, name: str, version: int, options: Options) -> int:
    details = error.details
    decision = details.get("decision")
    if options.json:
        print_json({"promoted": False, "message": error.message, **details})
    elif not isinstance(decision, dict):
        complain(error)
    else:
        note(f"assay: Held: {name} version {version} does not take {decision['alias']!r}.")
        _print_decision(decision, note)
        note(_next_step(decision, name, version, has_queued=bool(details.get("queued"))))
    return _HELD


def _next_step(decision: dict[str, Any], name: str, version: int, *, has_queued: bool) -> str:
    codes = decision["codes"]
    if "no_gate" in codes:
        return "Make a gate with `assay gates create NAME --suite FOLDER`, then promote again."
    if "unverifiable_lineage" in codes:
        return "Register the files again, with all five lineage fields."
    if "quarantined" in codes:
        return f"`assay models clear {name}/{version} --reason …` lifts the quarantine."
    if "frozen" in codes:
        return "Promote again when the freeze is over; `assay rollback` is possible meanwhile."
    if has_queued:
        return (
            "The exam that is missing is queued: `assay gate-runner` holds it. "
            "Promote again afterwards, or with --wait."
        )
    if codes == ["approvals_missing"]:
        return f"Somebody else approves with `assay approve {name}/{version}`."
    if decision["champion"] is None:
        return f"Nobody holds {decision['alias']!r}."
    return f"Version {decision['champion']} keeps {decision['alias']!r}."


def _show_preview(proposal: dict[str, Any], options: Options) -> int:
    if options.json:
        print_json(proposal)
    else:
        verb = "would be promoted" if proposal["promoted"] else "would be held"
        say(
            f"{proposal['model']} version {proposal['challenger']} {verb} as {proposal['alias']!r}."
        )
        _print_decision(proposal)
    return 0 if proposal["promoted"] else _HELD


def _print_decision(decision: dict[str, Any], tell: Callable[[str], None] = say) -> None:
    gate = decision["gate"]
    facts: dict[str, Any] = {
        "gate": None
        if gate is None
        else f"{gate['name']} v{gate['version']} ({gate['fingerprint']})",
        "challenger": _contender(decision["challenger"], decision["challenger_score"]),
        "champion": "nobody yet"
        if decision["champion"] is None
        else _contender(decision["champion"], decision["champion_score"]),
    }
    print_facts(facts, tell=tell)
    for reason in decision["reasons"]:
        tell(f"  - {reason}")
    paired = decision.get("paired")
    if paired is not None:
        tell(
            f"  paired test: p = {paired['p_value_float']:.4g} ({paired['method']}; "
            f"{paired['wins']} won, {paired['losses']} lost, {paired['ties']} tied of "
            f"{paired['items']} items), attempt {paired['attempts']} since the alias last moved"
        )
    approvals = decision.get("approvals")
    if approvals is not None:
        given = ", ".join(one["approver"] for one in approvals["given"]) or "nobody yet"
        tell(
            f"  approvals: {approvals['wanted']} wanted; given by {given}; "
            f"not from {', '.join(approvals['barred'])}"
        )


def _contender(version: int, exact_score: str | None) -> str:
    return f"version {version}: {'not scored' if exact_score is None else score(exact_score)}"


def _wait_for(client: Client, gate_runs: list[str], deadline_s: float) -> bool:
    """Wait for the gate runs to end; False when one could not be held, or time ran out."""
    note(f"Waiting for {plural(len(gate_runs), 'gate run')} …")
    hint_s: float | None = time.monotonic() + _HINT_AFTER_S
    left = list(gate_runs)
    is_well = True
    while left:
        found = client.get(url_path("gate-runs", left[0]))
        if found["state"] not in _OPEN:
            left.pop(0)
            verdict = found["verdict"]
            outcome = found["state"] if verdict is None else verdict["outcome"]
            note(f"  version {found['version']}: {outcome}")
            is_well = is_well and outcome in {"pass", "fail", "inconclusive"}
            continue
        if time.monotonic() > deadline_s:
            note("  still open; giving up waiting.")
            return False
        if hint_s is not None and found["state"] == "queued" and time.monotonic() > hint_s:
            note("  nobody has taken it yet: is an `assay gate-runner` running?")
            hint_s = None
        time.sleep(_POLL_S)
    return is_well
