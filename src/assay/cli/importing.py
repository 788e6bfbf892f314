"""`assay import`: bringing the history of another server along."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import console, note, print_json, print_table, say

if TYPE_CHECKING:
    from assay.importing.importer import OnProgress
    from assay.importing.plan import Plan
    from assay.importing.tally import Report

_SHOWN = 20
_TIMEOUT_S = 300.0

app = App(name="import", help="Bring the history of another server along.")


@app.command
def mlflow(
    *,
    source: Annotated[str, Parameter(name="--from", metavar="SOURCE")],
    artifacts: Annotated[tuple[str, ...], Parameter(metavar="PLACE")] = (),
    without_artifacts: bool = False,
    source_workspace: str = "default",
    dry_run: bool = False,
    options: Options = DEFAULTS,
) -> int:
    """Bring an MLflow history along: experiments, runs, every metric point, files and the registry.

    The source is read only. An import that was cut off is started again and goes on; doing it twice
    changes nothing. Afterwards both sides are counted and hashed: exits with 1 when they differ.
    It needs the right over the workspace (role admin).

    Args:
        source: sqlite:///PATH, postgresql://USER@HOST/NAME, or a folder mlruns.
        artifacts: A folder that holds the artifacts, or ADDRESS=FOLDER for those below an address.
            May be given several times. Files of this machine are found without it.
        without_artifacts: Leave all files behind.
        source_workspace: The workspace of the source to bring along.
        dry_run: Say what there is to bring, and write nothing.
    """
    from assay.importing.importer import Importer
    from assay.importing.locations import Locations
    from assay.importing.opening import open_source
    from assay.importing.plan import make_plan

    locations = Locations(artifacts)
    history = open_source(source, source_workspace)
    try:
        if dry_run:
            return _show_plan(make_plan(history, locations), options)
        client = options.connect(None, timeout_s=_TIMEOUT_S, retries=5)
        with _progress(lambda: history.size().runs) as tell:
            report = Importer(
                history, client, locations, without_files=without_artifacts, on_progress=tell
            ).run()
    finally:
        history.close()
    return _show_report(report, options)


@app.command
def wandb(
    folder: Annotated[Path, Parameter(name="DIR")],
    /,
    *,
    project: str | None = None,
    without_files: bool = False,
    dry_run: bool = False,
    options: Options = DEFAULTS,
) -> int:
    """Bring local wandb folders along: rows, config, summary, console, machine samples and files.

    The folders are read only, without the wandb package. An import that was cut off is started again
    and goes on; doing it twice changes nothing. A log that ends early arrives as far as it goes.
    Afterwards both sides are compared: exits with 1 when they differ or something stayed behind.

    Args:
        folder: A folder `wandb`, one of its runs, or anything above them.
        project: The project for all runs; without it each goes to the one that it names.
        without_files: Leave the files beside the logs behind.
        dry_run: Say what there is to bring, and write nothing.
    """
    from assay.importing.wandb_folder import count_runs
    from assay.importing.wandb_importer import WandbImporter, make_wandb_plan

    if dry_run:
        return _show_plan(make_wandb_plan(folder), options)
    client = options.connect(None, timeout_s=_TIMEOUT_S, retries=5)
    with _progress(lambda: count_runs(folder)) as tell:
        report = WandbImporter(
            folder, client, project=project, without_files=without_files, on_progress=tell
        ).run()
    return _show_report(report, options)


def _show_plan(plan: Plan, options: Options) -> int:
    if options.json:
        print_json(plan.as_record())
        return 0
    print_table(
        ("what", "in the source"), plan.counts.items(), empty="", numeric=("in the source",)
    )
    _show("Would arrive otherwise than it is", plan.report.changed)
    _show("Would not arrive", plan.report.missing)
    say("Nothing was written.")
    return 0


def _show_report(report: Report, options: Options) -> int:
    if options.json:
        print_json(report.as_record())
        return 0 if report.is_equal else 1
    rows = [
        (
            name,
            section.source.count,
            section.assay.count,
            section.source.digest[:12],
            section.assay.digest[:12],
            section.is_equal,
        )
        for name, section in report.sections.items()
    ]
    columns = ("what", "source", "assay", "digest there", "digest here", "equal")
    print_table(columns, rows, empty="", numeric=("source", "assay"))
    _show("Arrived otherwise than it was", report.changed)
    _show("Did not arrive", report.missing)
    if report.is_equal:
        say("Both sides are equal.")
        return 0
    note("assay: the two sides differ; what did not arrive is listed above.")
    return 1


def _show(title: str, sentences: list[str]) -> None:
    if sentences:
        say(f"{title}:")
        for sentence in sentences[:_SHOWN]:
            say(f"  - {sentence}")
        if len(sentences) > _SHOWN:
            say(f"  … and {len(sentences) - _SHOWN} more; --json lists them.")


@contextmanager
def _progress(count: Callable[[], int]) -> Iterator[OnProgress | None]:
    """A bar over the runs, when somebody is looking."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    runs = count()
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("runs", total=runs)

        def tell(stage: str, done: int) -> None:
            total = runs if stage == "runs" else None
            progress.update(task, description=stage, completed=done, total=total)

        yield tell
