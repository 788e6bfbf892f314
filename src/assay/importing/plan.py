"""A dry run: what there is to bring, read through the same eyes, and nothing written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.importing import fitting
from assay.importing.delivery import local_files
from assay.importing.history import Source
from assay.importing.locations import Locations
from assay.importing.tally import Report


@dataclass(slots=True)
class Plan:
    """Counts of what is in a source, and sentences on what would change or stay behind."""

    counts: Counter[str] = field(default_factory=Counter)
    report: Report = field(default_factory=Report)

    def as_record(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "source": dict(self.counts),
            "changed": list(self.report.changed),
            "missing": list(self.report.missing),
        }

    def add_files(self, what: str, folder: Path | None) -> None:
        """Count what lies in a folder."""
        if folder is None:
            self.report.note_missing(f"{what}: its files are not on this machine")
        for file in local_files(folder, self.report).values():
            self.counts["files"] += 1
            self.counts["bytes of files"] += file.stat().st_size


def make_plan(source: Source, locations: Locations) -> Plan:
    """Read the whole source."""
    plan = Plan()
    counts = plan.counts
    for experiment in source.experiments():
        fitting.fit_experiment(experiment, plan.report)
        counts["experiments"] += 1
    for given in source.runs():
        run = fitting.fit_run(given, plan.report)
        counts["runs"] += 1
        counts["deleted runs"] += run.is_deleted
        counts["params"] += len(run.params)
        counts["tags"] += len(run.tags)
        counts["inputs"] += len(run.inputs)
        counts["series"] += len(run.series)
        counts["points"] += sum(series.count for series in run.series.values())
        plan.add_files(f"run {run.run_id}", locations.folder_of(run.artifact_uri, run.files_at))
    for logged in source.logged_models():
        counts["logged models"] += 1
        folder = locations.folder_of(logged.artifact_uri, logged.files_at)
        plan.add_files(f"logged model {logged.model_id}", folder)
    for found in source.models():
        model = fitting.fit_model(found, plan.report)
        counts["models"] += 1
        counts["versions"] += len(model.versions)
        counts["aliases"] += len(model.aliases)
    return plan
