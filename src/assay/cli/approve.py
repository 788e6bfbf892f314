"""`assay approve`: agreeing to a promotion, listing who did, and taking it back."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from assay.cli.lookup import collect, parse_reference, version_of
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_json, print_table, say, when
from assay.domain.errors import InvalidArgument
from assay.sdk.client import url_path


def approve(
    model: str,
    /,
    *,
    alias: str = "production",
    reason: Annotated[str, Parameter(metavar="TEXT")] = "",
    withdraw: Annotated[str | None, Parameter(metavar="APPROVAL-ID")] = None,
    show: Annotated[bool, Parameter(name="--list")] = False,
    limit: Limit = 100,
    options: Options = DEFAULTS,
) -> None:
    """Agree that a version takes a protected alias, where its gate wants approvals.

    An approval is for these files, this gate and the alias as it stands: it is void once any of them
    changes. Who registered the version, ran its training or wrote the gate cannot approve.

    Args:
        model: NAME/VERSION; with --list or --withdraw NAME is enough.
        alias: The alias.
        reason: Why; kept in the ledger.
        withdraw: Take this approval of yours back instead.
        show: List the approvals instead.
        limit: List at most so many.
    """
    if show and withdraw is not None:
        raise InvalidArgument("Say --list or --withdraw, not both.")
    reference = parse_reference(model)
    client = options.client()
    address = url_path("models", reference.name, "approvals")
    if show:

        def page(max_results: int, token: str | None) -> dict[str, Any]:
            return dict(
                client.get(
                    address, version=reference.version, max_results=max_results, page_token=token
                )
            )

        found, is_more = collect(page, "approvals", limit)
        _print_all(found, options, f"There are more than {limit}." if is_more else None)
        return
    if withdraw is not None:
        given = client.delete(url_path("models", reference.name, "approvals", withdraw))
        verb = "Withdrawn"
    else:
        body = {"version": version_of(client, reference), "alias": alias, "reason": reason}
        given = client.post(address, body)
        verb = "Approved"
    if options.json:
        print_json(given)
        return
    say(
        f"{verb}: {given['model']} version {given['version']} for {given['alias']!r} "
        f"after revision {given['alias_revision']} ({given['approval_id']})."
    )


def _print_all(found: list[dict[str, Any]], options: Options, more: str | None) -> None:
    if options.json:
        print_json({"approvals": found, "more": more is not None})
        return
    print_table(
        ("approval", "version", "alias", "after revision", "by", "when", "withdrawn"),
        [
            (
                given["approval_id"],
                given["version"],
                given["alias"],
                given["alias_revision"],
                given["approver"],
                when(given["created_at_ms"]),
                when(given["withdrawn_at_ms"]),
            )
            for given in found
        ],
        empty="Nobody has approved anything yet: `assay approve NAME/VERSION`.",
    )
    if more is not None:
        note(more)
