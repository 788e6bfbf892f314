"""`assay repro`: claims that a version can be made again, and checks for a CI job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from assay.cli.lookup import collect, run_id_of
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import complain, note, print_json, print_table, say, when
from assay.cli.repro_report import junit, markdown
from assay.domain.errors import AppError, InvalidArgument
from assay.sdk.client import url_path
from assay.sdk.errors import ApiError

app = App(name="repro")

EXIT_NO_CHECK: Final = 3

Format = Literal["text", "json", "junit", "markdown"]


@app.command
def claim(
    model: str,
    version: int,
    /,
    *,
    name: str,
    suite: str | None = None,
    tolerance: Annotated[tuple[str, ...], Parameter(metavar="METRIC=BOUND")] = (),
    seed: Annotated[tuple[str, ...], Parameter(metavar="SEED")] = (),
    bitwise: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> None:
    """Claim that a version's run can be done again. A claim is never changed.

    Args:
        model: The registered model.
        version: Its version, with closed lineage and eval results.
        name: What the claim is called.
        suite: The suite whose scores are claimed. Needed only where there are several.
        tolerance: How far a metric may be off: `acc=0.01`, `acc=2%`, or both as `acc=0.01,2%`;
            `acc` alone has to be equal. Repeatable; without any, all metrics have to be equal.
        seed: A further seed under which the claim holds, as JSON. Repeatable.
        bitwise: The files have to be equal, too.
    """
    body = {
        "name": name,
        "model": model,
        "version": version,
        "suite": suite,
        "tolerances": dict(map(_tolerance, tolerance)),
        "seeds": [_seed(text) for text in seed],
        "bitwise": bitwise,
    }
    made = options.client().post("/claims", body)
    if options.json:
        print_json(made)
        return
    say(
        f"Claimed as {name!r}: {model} version {version}, fingerprint {made['terms']['fingerprint']}"
    )
    _print_terms(made["terms"])


@app.command(name="list")
def list_claims(*, limit: Limit = 100, options: Options = DEFAULTS) -> None:
    """List the claims of the workspace.

    Args:
        limit: At most so many.
    """
    client = options.client()

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(client.get("/claims", max_results=max_results, page_token=token))

    found, is_more = collect(page, "claims", limit)
    if options.json:
        print_json({"claims": found, "more": is_more})
        return
    print_table(
        ["claim", "model", "version", "since", "by"],
        [
            [
                row["name"],
                row["model"],
                row["version"],
                when(row["created_at_ms"]),
                row["created_by"],
            ]
            for row in found
        ],
        empty="No claims yet. Make one with `assay repro claim MODEL VERSION --name NAME`.",
        numeric=("version",),
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def check(
    *,
    claim: str,
    candidate: Annotated[str, Parameter(metavar="RUN")],
    path: str | None = None,
    form: Annotated[Format, Parameter(name="--format")] = "text",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], metavar="FILE")] = None,
    options: Options = DEFAULTS,
) -> int:
    """Check whether a run reproduces a claim.

    Exit codes: 0 reproduced, 1 drift, 2 not comparable, 3 the check could not be made.

    Args:
        claim: The claim's name.
        candidate: The run: its id, or the start of it.
        path: The run's folder to compare with the version's files. Default: the same folder.
        form: For people, or as JSON, JUnit XML or Markdown.
        output: Write the report there instead of on the terminal.
    """
    try:
        client = options.client()
        run_id = run_id_of(client, candidate)
        address = url_path("claims", claim, "check")
        report = client.post(address, {"run_id": run_id, "artifact_path": path})
        text = _text_of("json" if options.json else form, claim, run_id, report)
        if output is not None:
            output.write_text(text + "\n", encoding="utf-8")
            say(f"{report['outcome']}: written to {output}.")
        elif text:
            say(text)
        else:
            _print_report(claim, run_id, report)
    except (AppError, ApiError) as error:
        complain(error)
        return EXIT_NO_CHECK
    except OSError as error:
        note(f"assay: {error.filename or ''}: {error.strerror or error}")
        return EXIT_NO_CHECK
    return int(report["exit_code"])


def _text_of(form: Format, claim: str, run_id: str, report: dict[str, Any]) -> str:
    if form == "json":
        return json.dumps({"claim": claim, "run_id": run_id, **report}, indent=2)
    if form == "junit":
        return junit(claim, run_id, report)
    if form == "markdown":
        return markdown(claim, run_id, report)
    return ""


def _print_report(claim: str, run_id: str, report: dict[str, Any]) -> None:
    say(f"{report['outcome'].replace('_', ' ')}: run {run_id} against claim {claim!r}")
    for reason in report["reasons"]:
        say(f"  {reason}")
    if report["differences"]:
        print_table(
            ["lineage", "claimed", "found", "difference"],
            [
                [row["path"], row["claimed"], row["found"], row["hint"] or row["change"]]
                for row in report["differences"]
            ],
            empty="",
        )
    print_table(
        ["metric", "claimed", "found", "within"],
        [
            [row["metric"], row["claimed"], row["found"], "yes" if row["is_within"] else "no"]
            for row in report["metrics"]
        ],
        empty="The claim is about no metrics.",
        numeric=("claimed", "found"),
    )
    if report["is_bitwise"] is not None:
        say(f"files: {'equal' if report['is_bitwise'] else 'not equal'}, bit for bit")


def _print_terms(terms: dict[str, Any]) -> None:
    print_table(
        ["metric", "value", "absolute", "relative"],
        [
            [metric, claimed["value"], claimed["absolute"], claimed["relative"]]
            for metric, claimed in terms["metrics"].items()
        ],
        empty="No metrics are claimed, only equal files.",
        numeric=("value", "absolute", "relative"),
    )


def _tolerance(text: str) -> tuple[str, dict[str, str]]:
    metric, _, bounds = text.partition("=")
    found: dict[str, str] = {}
    for bound in filter(None, bounds.split(",")):
        if bound.endswith("%"):
            found["relative"] = _percent(bound.removesuffix("%"))
        else:
            found["absolute"] = bound
    return metric, found


def _percent(text: str) -> str:
    from assay.domain.exact import exact, exact_text

    return exact_text(exact(text, "tolerance") / 100)


def _seed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise InvalidArgument(
            f"--seed {text!r} is not JSON; write a text as '\"…\"'.", field="seed"
        ) from None
