"""Verbs of `assay models` that change what a version may do: aliases, quarantine, deletion."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from assay.cli.lookup import parse_reference, version_of, version_path
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import print_json, print_table, say, when
from assay.domain.errors import FailedPrecondition, InvalidArgument
from assay.sdk.client import url_path

Reason = Annotated[str, Parameter(metavar="TEXT")]


def history(model: str, /, *, options: Options = DEFAULTS) -> None:
    """Show how an alias has moved: when, by whom, and why.

    Args:
        model: NAME@ALIAS.
    """
    reference = parse_reference(model)
    if reference.alias is None:
        raise InvalidArgument(f"Say which alias: {reference.name}@production.")
    address = url_path("models", reference.name, "aliases", reference.alias, "history")
    moves = options.client().get(address)["moves"]
    if options.json:
        print_json({"model": reference.name, "alias": reference.alias, "moves": moves})
        return
    print_table(
        ["revision", "when", "move", "from", "to", "by", "event", "reason"],
        [
            [
                move["revision"],
                when(move["at_ms"]),
                move["kind"],
                move["from_version"],
                move["to_version"],
                move["actor"],
                move["ledger_seq"],
                move["reason"],
            ]
            for move in moves
        ],
        empty=f"{reference} has never been set.",
        numeric=("revision", "from", "to", "event"),
    )


def alias(model: str, name: str, /, *, reason: Reason = "", options: Options = DEFAULTS) -> None:
    """Let an alias name a version. A protected one moves only if the gate allows it.

    Args:
        model: NAME/VERSION, or NAME@ALIAS for what another alias names.
        name: The alias.
        reason: Why; kept in the ledger.
    """
    client = options.client()
    reference = parse_reference(model)
    number = version_of(client, reference)
    address = url_path("models", reference.name, "aliases", name)
    answer = client.put(address, {"version": number, "reason": reason})
    if options.json:
        print_json(answer)
    else:
        say(f"{reference.name}@{name} is version {number}.")


def unalias(model: str, /, *, reason: Reason = "", options: Options = DEFAULTS) -> None:
    """Remove an alias. A protected one that a version holds stays.

    Args:
        model: NAME@ALIAS.
        reason: Why; kept in the ledger.
    """
    reference = parse_reference(model)
    if reference.alias is None:
        raise InvalidArgument(f"Say which alias: {reference.name}@candidate.")
    address = url_path("models", reference.name, "aliases", reference.alias)
    answer = options.client().delete(address, reason=reason or None)
    if options.json:
        print_json(answer)
    else:
        say(f"{reference} is removed.")


def quarantine(model: str, /, *, reason: Reason, options: Options = DEFAULTS) -> None:
    """Bar a version from promotion.

    Args:
        model: NAME/VERSION or NAME@ALIAS.
        reason: Why; kept in the ledger.
    """
    _judge(model, "quarantine", reason, options)


def clear(model: str, /, *, reason: Reason, options: Options = DEFAULTS) -> None:
    """Lift a quarantine, so that the version may be promoted again.

    Args:
        model: NAME/VERSION.
        reason: Why; kept in the ledger.
    """
    _judge(model, "clear", reason, options)


def delete(model: str, /, *, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Delete a version, which leaves a tombstone, or a model with all its versions.

    Refused while a protected alias, or for a version any alias, holds on to it.

    Args:
        model: NAME/VERSION, or NAME for the whole model.
        yes: Really delete it.
    """
    reference = parse_reference(model)
    if reference.alias is not None:
        raise InvalidArgument("Name the version itself: what an alias holds cannot be deleted.")
    if not yes:
        raise FailedPrecondition(f"Deleting {reference} cannot be undone; pass --yes to do it.")
    address = url_path("models", reference.name)
    if reference.version is not None:
        address = version_path(reference.name, reference.version)
    options.client().delete(address)
    if options.json:
        print_json({"model": reference.name, "version": reference.version, "deleted": True})
    else:
        say(f"{reference} is deleted.")


def _judge(model: str, verb: str, reason: str, options: Options) -> None:
    client = options.client()
    reference = parse_reference(model)
    number = version_of(client, reference)
    found = client.post(f"{version_path(reference.name, number)}/{verb}", {"reason": reason})
    if options.json:
        print_json(found)
    else:
        say(f"{reference.name} version {number} is {found['state']}.")
