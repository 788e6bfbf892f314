"""An import of local `wandb/` folders. It keeps no state: how far a run came is what the server says.

Runs arrive by the way that their client would send them, line by line under the same numbers, so that
a run that was cut off, imported before or synchronised by its client is there once.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from assay.importing.delivery import files_there, is_refusal, local_files, send_files
from assay.importing.plan import Plan
from assay.importing.tally import Report
from assay.importing.wandb_folder import (
    CONSOLE,
    EVENTS,
    HISTORY,
    LocalRun,
    lines_of,
    read_runs,
)
from assay.sdk.client import Client, url_path
from assay.sdk.transfer import file_digest

SECTIONS: Final = (
    *("runs", "configs", "summaries", "rows", "keys", "machine samples", "console lines", "files"),
)
LINES_AT_ONCE: Final = 2_000
BYTES_AT_ONCE: Final = 4 << 20
DEFAULT_PROJECT: Final = "uncategorized"
_COUNTS: Final = {
    HISTORY: ("historyLineCount", "rows"),
    EVENTS: ("eventsLineCount", "machine samples"),
    CONSOLE: ("logLineCount", "console lines"),
}
_OPEN_LINES: Final = 2
"""So many lines at the end of the console may not have been whole: they are sent again."""

_MISSING: Final = "null"
_FIND: Final = """query Run($entity: String, $project: String, $name: String!) {
  project(name: $project, entityName: $entity) { bucket(name: $name, missingOk: true) {
    id state config summaryMetrics historyLineCount eventsLineCount logLineCount historyKeys } } }"""
_UPSERT: Final = """mutation Upsert($input: UpsertBucketInput!) {
  upsertBucket(input: $input) { bucket { id } } }"""
_STATE: Final = """mutation State($input: UpdateRunStateInput!) {
  updateRunState(input: $input) { success } }"""

OnProgress = Callable[[str, int], None]


class WandbImporter:
    """Brings the runs below a folder into one workspace, each into the project that it names."""

    def __init__(
        self,
        folder: Path,
        client: Client,
        *,
        project: str | None = None,
        without_files: bool = False,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._folder = folder
        self._client = client
        self._project = project
        self._without_files = without_files
        self._tell = on_progress or (lambda _stage, _done: None)
        self.report = Report(SECTIONS)

    def run(self) -> Report:
        """Import everything and compare. Raises what stops an import; it can be started again."""
        for done, run in enumerate(read_runs(self._folder), 1):
            note_faults(run, self.report)
            try:
                self._carry(run)
            except Exception as error:
                if not is_refusal(error):
                    raise
                self.report.note_missing(f"run {run.said.run_id}: {error}")
            self._tell("runs", done)
        return self.report

    def _carry(self, run: LocalRun) -> None:
        project = self._project or run.said.project or DEFAULT_PROJECT
        before = self._find(project, run) or {}
        is_changed = self._upsert(project, run, before)
        sent = self._send_lines(project, run, before)
        self._finish(project, run, before, is_changed=is_changed or sent > 0)
        after = self._find(project, run) or {}
        digests = self._carry_files(run, after)
        self._compare(run, project, after, digests)

    def _find(self, project: str, run: LocalRun) -> dict[str, Any] | None:
        entity = self._client.connection.workspace
        name = run.said.run_id
        data = self._ask(_FIND, {"entity": entity, "project": project, "name": name})
        found = (data["project"] or {}).get("bucket")
        return found if isinstance(found, dict) else None

    def _upsert(self, project: str, run: LocalRun, before: Mapping[str, Any]) -> bool:
        """Say what the run is, unless the server knows it all."""
        config = run.wire_config()
        if _same(before.get("config"), config) and _has_rows(before, run):
            return False
        said = run.said
        values = {
            "entityName": self._client.connection.workspace,
            "modelName": project,
            "name": said.run_id,
            "displayName": said.name or None,
            "groupName": said.group or None,
            "jobType": said.job_type or None,
            "notes": said.notes or None,
            "tags": list(said.tags) or None,
            "host": said.host or None,
            "sweep": said.sweep or None,
            "startedAtMs": said.started_at_ms,
            "jobProgram": run.surroundings.program or None,
            "jobRepo": run.surroundings.repository or None,
            "commit": run.surroundings.commit or None,
            "config": json.dumps(config),
        }
        given = {key: value for key, value in values.items() if value is not None}
        self._ask(_UPSERT, {"input": given})
        return True

    def _send_lines(self, project: str, run: LocalRun, before: Mapping[str, Any]) -> int:
        """Send the lines that are not there, in batches; how many."""
        there = {file: int(before.get(count) or 0) for file, (count, _) in _COUNTS.items()}
        if there[CONSOLE] < run.lines[CONSOLE]:
            there[CONSOLE] = max(0, there[CONSOLE] - _OPEN_LINES)
        if all(there[file] >= run.lines[file] for file in _COUNTS):
            return 0
        passed: Counter[str] = Counter()
        batch: dict[str, list[str]] = {}
        size = count = sent = 0
        for file, line in lines_of(run):
            passed[file] += 1
            if passed[file] <= there[file]:
                continue
            batch.setdefault(file, []).append(line)
            size += len(line)
            count += 1
            if count >= LINES_AT_ONCE or size >= BYTES_AT_ONCE:
                self._stream(project, run, _offsets(batch, there))
                sent, size, count = sent + count, 0, 0
        if batch:
            self._stream(project, run, _offsets(batch, there))
        return sent + count

    def _finish(
        self, project: str, run: LocalRun, before: Mapping[str, Any], *, is_changed: bool
    ) -> None:
        """Give the run its summary, its end and its moment; nothing when it has them."""
        if not is_changed and _same(before.get("summaryMetrics"), run.summary):
            return
        summary = {"wandb-summary.json": {"offset": 0, "content": [json.dumps(run.summary)]}}
        body: dict[str, Any] = {"files": summary}
        if run.exit_code is not None:
            body |= {"complete": True, "exitcode": run.exit_code}
        self._stream(project, run, body)
        entity = self._client.connection.workspace
        if run.exit_code is None:
            place = {"entityName": entity, "projectName": project, "runName": run.said.run_id}
            self._ask(_STATE, {"input": {**place, "state": "crashed"}})
        found = self._find(project, run)
        if found is not None and run.last_at_ms is not None:
            status = "finished" if run.exit_code == 0 else "failed"
            change = {"status": status, "ended_at_ms": run.last_at_ms}
            self._client.patch(url_path("runs", _identifier(found["id"])), change)

    def _carry_files(self, run: LocalRun, after: Mapping[str, Any]) -> dict[str, str]:
        if self._without_files or not after:
            return {}
        files: dict[str, Path] = {}
        for folder in run.folders:
            files |= local_files(folder, self.report)
        path = url_path("runs", _identifier(after["id"]))
        digests = {name: file_digest(file) for name, file in files.items()}
        send_files(self._client, path, files, digests, files_there(self._client, path), self.report)
        return digests

    def _compare(
        self, run: LocalRun, project: str, after: Mapping[str, Any], digests: Mapping[str, str]
    ) -> None:
        name, report = run.said.run_id, self.report
        report.expect("runs", [project, name, state_of(run)])
        report.expect("configs", [name, _canonical(run.wire_config())])
        report.expect("summaries", [name, _canonical(run.summary)])
        report.compare("keys", [[name, *pair] for pair in sorted(run.keys.items())], ())
        report.compare("files", [[name, *pair] for pair in sorted(digests.items())], ())
        for file, (_, section) in _COUNTS.items():
            report.expect(section, [name, run.lines[file]], run.lines[file])
        if not after:
            return
        report.find("runs", [project, name, after["state"]])
        report.find("configs", [name, _canonical(json.loads(after["config"] or "{}"))])
        report.find("summaries", [name, _canonical(json.loads(after["summaryMetrics"] or "{}"))])
        for key, count in sorted(_numbers(after).items()):
            report.find("keys", [name, key, count])
        for file, (count_name, section) in _COUNTS.items():
            count = min(int(after[count_name] or 0), run.lines[file])
            report.find(section, [name, count], count)
        there = files_there(self._client, url_path("runs", _identifier(after["id"])))
        for path, digest in sorted(there.items()):
            if path in digests:
                report.find("files", [name, path, digest])

    def _stream(self, project: str, run: LocalRun, body: Mapping[str, Any]) -> None:
        entity = self._client.connection.workspace
        path = url_path("files", entity, project, run.said.run_id, "file_stream")
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        self._client.request("POST", path, content=content, headers=headers, idempotent=True)
        rows = len(body["files"].get(HISTORY, {}).get("content", ()))
        self.report.note_sent(points=rows, size_bytes=len(content))

    def _ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        body = {"query": query, "variables": variables}
        answer = self._client.request("POST", "/graphql", json=body, idempotent=True)
        return answer.json["data"]


def make_wandb_plan(folder: Path) -> Plan:
    """A dry run: everything is read and counted, and nothing is written."""
    plan = Plan(report=Report(SECTIONS))
    for run in read_runs(folder):
        note_faults(run, plan.report)
        plan.counts["runs"] += 1
        plan.counts["keys"] += len(run.keys)
        for file, (_, section) in _COUNTS.items():
            plan.counts[section] += run.lines[file]
        files: dict[str, Path] = {}
        for place in run.folders:
            files |= local_files(place, plan.report)
        plan.counts["files"] += len(files)
        plan.counts["bytes of files"] += sum(file.stat().st_size for file in files.values())
    return plan


def note_faults(run: LocalRun, report: Report) -> None:
    """Say what of a run cannot arrive, or arrives otherwise."""
    name = run.said.run_id
    for fault in run.faults:
        report.note_missing(f"run {name}: {fault}")
    for artifact in run.artifacts:
        report.note_missing(
            f"run {name}: the artifact {artifact.name!r} ({artifact.kind}); its files are not beside "
            "the log. `wandb sync` brings them, from the machine that logged it"
        )
    if run.said.is_forked:
        report.note_change(f"run {name}: it was forked; its own rows arrive, its source's do not")


def state_of(run: LocalRun) -> str:
    """The client's word for how the run ended."""
    if run.exit_code is None:
        return "crashed"
    return "finished" if run.exit_code == 0 else "failed"


def _has_rows(there: Mapping[str, Any], run: LocalRun) -> bool:
    return bool((there.get("historyLineCount") or 0) >= run.lines[HISTORY])


def _offsets(batch: dict[str, list[str]], there: dict[str, int]) -> dict[str, Any]:
    """A batch as a delivery; the next one begins where it ends."""
    files = {}
    for file, lines in batch.items():
        files[file] = {"offset": there[file], "content": lines}
        there[file] += len(lines)
    batch.clear()
    return {"files": files}


def _numbers(after: Mapping[str, Any]) -> dict[str, int]:
    """By key of the history: in how many rows it is a number."""
    found = {}
    for key, told in ((after["historyKeys"] or {}).get("keys") or {}).items():
        if key not in ("_step", "_timestamp"):
            kinds = {kind["type"]: kind["count"] for kind in told["typeCounts"]}
            found[key] = kinds.get("number", 0)
    return found


def _identifier(node: str) -> str:
    """Our id in an id that the server gave a client."""
    return base64.urlsafe_b64decode(node).decode().partition(":")[2].replace("%3A", ":")


def _same(text: object, value: Any) -> bool:
    return isinstance(text, str) and _canonical(json.loads(text or _MISSING)) == _canonical(value)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
