"""An import from beginning to end. It keeps no state of its own: what is in Assay is what was done.

Runs come first, then the logged models that they wrote, then the registry that names both, and last
what was deleted goes into the bin: so an import that is cut off goes on where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Self

from assay.importing import fitting
from assay.importing.delivery import find, is_refusal, local_files
from assay.importing.history import Source
from assay.importing.locations import Files, Locations, Places
from assay.importing.registry import carry_model
from assay.importing.runs import Arrival, carry_logged_model, carry_model_inputs, carry_runs
from assay.importing.tally import Report
from assay.sdk.client import Client, url_path

WORKERS: Final = 4
IN_FLIGHT: Final = 6
"""How many groups of runs are in memory at once."""

TOGETHER: Final = 50
POINTS_TOGETHER: Final = 50_000
"""A group of runs is full with so many, or with so many points."""

OnProgress = Callable[[str, int], None]
"""Told the stage (`runs`, `logged models`, `models`) and how many of it are done."""


@dataclass(slots=True)
class _Seen:
    """What later stages need of earlier ones."""

    experiments: dict[str, str] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    files_at: dict[str, str] = field(default_factory=dict)
    reading: list[tuple[str, list[str]]] = field(default_factory=list)
    deleted: list[tuple[str, str]] = field(default_factory=list)
    deleted_experiments: list[str] = field(default_factory=list)


class Importer:
    """Brings one source into one workspace. `without_files` leaves all artifacts behind."""

    def __init__(
        self,
        source: Source,
        client: Client,
        locations: Locations,
        *,
        without_files: bool = False,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._source = source
        self._client = client
        self._locations = locations
        self._without_files = without_files
        self._tell = on_progress or (lambda _stage, _done: None)
        self._seen = _Seen()
        self.report = Report()

    def run(self) -> Report:
        """Import everything and compare. Raises what stops an import; it can be started again."""
        protected = self._protected()
        self._carry_experiments()
        self._carry_runs()
        self._carry_logged_models()
        self._carry_models(protected)
        self._bury()
        return self.report

    def _protected(self) -> frozenset[str]:
        workspace = self._client.get(url_path("workspaces", self._client.connection.workspace))
        return frozenset(workspace["policy"]["protected"])

    def _carry_experiments(self) -> None:
        for given in self._source.experiments():
            found = fitting.fit_experiment(given, self.report)
            with self._surviving(f"experiment {found.name!r}"):
                body = {
                    "name": found.name,
                    "created_at_ms": found.created_at_ms,
                    "tags": dict(found.tags),
                }
                there = self._client.request(
                    "POST", "/import/experiments", json=body, idempotent=True
                ).json
                self._seen.experiments[found.key] = there["experiment_id"]
                if found.is_deleted:
                    self._seen.deleted_experiments.append(there["experiment_id"])
                tags = {key: there["tags"].get(key) for key in sorted(found.tags)}
                self.report.expect("experiments", [found.name, dict(sorted(found.tags.items()))])
                self.report.find("experiments", [there["name"], tags])

    def _carry_runs(self) -> None:
        done = points = 0
        together: list[Arrival] = []
        with _Lanes() as lanes:

            def start() -> None:
                if together:
                    lanes.start(partial(self._carry_together, tuple(together)))
                    together.clear()

            for given in self._source.runs():
                run = fitting.fit_run(given, self.report)
                home = self._seen.experiments.get(run.experiment)
                done += 1
                self._tell("runs", done)
                if home is None:
                    self.report.note_missing(f"run {run.run_id}: its experiment did not arrive")
                    continue
                self._seen.places.runs[run.run_id] = run.artifact_uri
                self._seen.files_at[run.run_id] = run.files_at
                if run.is_deleted:
                    self._seen.deleted.append(("runs", run.run_id))
                if run.model_inputs:
                    self._seen.reading.append((run.run_id, list(run.model_inputs)))
                folder = self._folder(f"run {run.run_id}", run.artifact_uri, run.files_at)
                together.append(Arrival(run, home, folder))
                points += sum(series.count for series in run.series.values())
                if len(together) == TOGETHER or points >= POINTS_TOGETHER:
                    start()
                    points = 0
            start()

    def _carry_together(self, arrivals: tuple[Arrival, ...]) -> None:
        carry_runs(self._client, arrivals, self.report, self._surviving)

    def _carry_logged_models(self) -> None:
        done = 0
        for given in self._source.logged_models():
            model = fitting.fit_logged_model(given, self.report)
            what = f"logged model {model.model_id}"
            home = self._seen.experiments.get(model.experiment)
            if home is None:
                self.report.note_missing(f"{what}: its experiment did not arrive")
                continue
            self._seen.places.models[model.model_id] = model.artifact_uri
            self._seen.files_at[model.model_id] = model.files_at
            if model.is_deleted:
                self._seen.deleted.append(("logged-models", model.model_id))
            with self._surviving(what):
                folder = self._folder(what, model.artifact_uri, model.files_at)
                carry_logged_model(self._client, model, home, folder, self.report)
            done += 1
            self._tell("logged models", done)
        for run_id, model_ids in self._seen.reading:
            with self._surviving(f"run {run_id}: the models that it read"):
                carry_model_inputs(self._client, run_id, model_ids)

    def _carry_models(self, protected: frozenset[str]) -> None:
        for done, given in enumerate(self._source.models(), 1):
            model = fitting.fit_model(given, self.report)
            with self._surviving(f"model {model.name!r}"):
                carry_model(
                    self._client,
                    model,
                    self._seen.places,
                    self._files_of,
                    protected,
                    self.report,
                )
            self._tell("models", done)

    def _bury(self) -> None:
        """Put into the bin what is there in the source, and see that it is."""
        for noun, name in self._seen.deleted:
            self.report.expect("deleted", [noun, name])
            with self._surviving(f"{noun} {name}"):
                path = url_path(noun, name)
                if noun == "runs":
                    self._client.delete(path)
                    is_gone = self._client.get(path)["lifecycle"] == "deleted"
                else:
                    is_gone = _delete_logged_model(self._client, path)
                if is_gone:
                    self.report.find("deleted", [noun, name])
        for experiment_id in self._seen.deleted_experiments:
            self.report.expect("deleted", ["experiments", experiment_id])
            with self._surviving(f"experiment {experiment_id}"):
                path = url_path("experiments", experiment_id)
                if self._client.get(path)["lifecycle"] != "deleted":
                    self._client.delete(path)
                if self._client.get(path)["lifecycle"] == "deleted":
                    self.report.find("deleted", ["experiments", experiment_id])

    def _folder(self, what: str, address: str, files_at: str) -> Path | None:
        if self._without_files:
            return None
        folder = self._locations.folder_of(address, files_at)
        if folder is None:
            self.report.note_missing(
                f"{what}: its files at {address[:300]!r} are not on this machine; say where they "
                "are (--artifacts), or leave them behind (--without-artifacts)"
            )
        return folder

    def _files_of(self, origin: Files) -> Mapping[str, Path]:
        owner = origin.model_id or origin.run_id or ""
        places = self._seen.places
        address = places.models.get(owner) or places.runs.get(owner, "")
        if self._without_files:
            return {}
        folder = self._locations.folder_of(address, self._seen.files_at.get(owner, ""))
        return local_files(folder, Report())

    @contextmanager
    def _surviving(self, what: str) -> Iterator[None]:
        """One thing that is refused does not keep the rest from arriving; it is reported."""
        try:
            yield
        except Exception as error:
            if not is_refusal(error):
                raise
            self.report.note_missing(f"{what}: {error}")


class _Lanes:
    """A few workers, and never more work in memory than they can begin soon."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="import")
        self._room = threading.Semaphore(IN_FLIGHT)
        self._failure: BaseException | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Have the work done; raises what earlier work failed with."""
        self._room.acquire()
        if self._failure is not None:
            raise self._failure
        self._pool.submit(work).add_done_callback(self._ended)

    def _ended(self, future: Future[None]) -> None:
        self._failure = self._failure or future.exception()
        self._room.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        if error is None and self._failure is not None:
            raise self._failure


def _delete_logged_model(client: Client, path: str) -> bool:
    if find(client, path) is not None:
        client.delete(path)
    return find(client, path) is None
