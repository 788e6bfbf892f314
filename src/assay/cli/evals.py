"""`assay evals`: what eval harnesses measured, brought to the runs that were measured."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from assay.cli.lookup import run_id_of
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, print_json, print_table, say, when
from assay.domain.harness.report import Report
from assay.sdk.client import Client, url_path

app = App(name="evals")


@app.command(name="import")
def import_results(
    path: Path,
    /,
    *,
    run: Annotated[str | None, Parameter(metavar="RUN")] = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> None:
    """Read results of lm-evaluation-harness, lighteval or inspect-ai as eval results of a run.

    The fingerprint of the suite is computed here from the settings and the single samples, since the
    harnesses' own hashes do not change with the scoring. So samples must be there (`--log_samples`,
    `--save-details`), and a run with a limit is refused. The results help to choose a winner; they
    are never evidence for a gate.

    Args:
        path: The results file or log, or a folder: then its newest.
        run: The run that was evaluated: its id, or the start of it.
        dry_run: Show what would be kept, and keep nothing.
    """
    from assay.cli.harness_files import read_report

    report, file = read_report(path)
    run_id = None
    if not dry_run:
        if run is None:
            from assay.domain.errors import InvalidArgument

            raise InvalidArgument("Say whose results these are: --run RUN.", field="run")
        client = options.client()
        run_id = run_id_of(client, run)
        _keep(client, run_id, report)
    _show(report, file, run_id, options)


@app.command(name="list")
def list_results(run: str, /, *, options: Options = DEFAULTS) -> None:
    """List what a run scored, by suite.

    Args:
        run: The run's id, or the start of it.
    """
    client = options.client()
    found = client.get(url_path("runs", run_id_of(client, run), "evals"))["results"]
    if options.json:
        print_json({"results": found})
        return
    print_table(
        ["suite", "metric", "value", "items", "since", "by"],
        [
            [
                row["suite"],
                row["metric"],
                row["value_text"],
                row["items"],
                when(row["created_at_ms"]),
                row["created_by"],
            ]
            for row in found
        ],
        empty="No eval results yet. Bring them with `assay evals import RESULTS --run RUN`.",
        numeric=("value", "items"),
    )


def _keep(client: Client, run_id: str, report: Report) -> None:
    by_count: dict[int, dict[str, float]] = defaultdict(dict)
    for score in report.scores:
        by_count[score.items][score.metric] = score.value
    for items, metrics in sorted(by_count.items()):
        client.post(
            url_path("runs", run_id, "evals"),
            {"suite": report.fingerprint, "metrics": metrics, "items": items},
        )
    client.post(
        url_path("runs", run_id, "tags"),
        {"tags": {f"assay.evals.{report.fingerprint[:12]}": _summary(report)}},
    )


def _summary(report: Report) -> str:
    names = ", ".join(task.name for task in report.suite.tasks)
    return f"{report.suite.harness} {report.suite.harness_version}: {names}"[:500]


def _show(report: Report, file: Path, run_id: str | None, options: Options) -> None:
    if options.json:
        record: dict[str, Any] = {
            "file": str(file),
            "run_id": run_id,
            "suite": report.fingerprint,
            "harness": report.suite.harness,
            "harness_version": report.suite.harness_version,
            "model": report.model,
            "items": report.suite.item_count(),
            "scores": {score.metric: score.value for score in report.scores},
        }
        print_json(record)
        return
    say(f"{_summary(report)}, {report.suite.item_count()} items, model {report.model}")
    say(f"suite {report.fingerprint}")
    print_table(
        ["metric", "value", "items"],
        [[score.metric, score.value, score.items] for score in report.scores],
        empty="The report has no scores.",
        numeric=("value", "items"),
    )
    if run_id is None:
        note("Nothing was kept (--dry-run).")
    else:
        note(
            f"Kept on run {run_id}. Choose by it: assay winner --metric METRIC --suite {report.fingerprint}"
        )
