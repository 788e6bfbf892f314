"""The gate runner's side of the API: leases, material by digest, rows and failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assay.domain.artifact import ManifestEntry, artifact_digest, check_entry, manifest
from assay.domain.canonical import sha256_hex
from assay.domain.errors import AppError, DataCorrupted
from assay.domain.evaluation import Suite
from assay.domain.gate import GateSpec, gate_fingerprint, parse_gate, recompute
from assay.domain.verdict_statement import Statement, rows_text
from assay.runner.key import RunnerKey
from assay.runner.scoring import ScoredItem
from assay.sdk.client import Client, file_path, url_path
from assay.sdk.errors import ApiError

LEASE_S: Final = 60
BEAT_S: Final = 15.0
REASON_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Lease:
    """One gate run that is ours for a while, and the proof that it is; `given` is not checked yet."""

    gate_run_id: str
    nonce: str = field(repr=False)
    fence: int
    title: str
    given: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Exam:
    """What a lease is about, every digest computed again: the gate's rules, the candidate's files."""

    spec: GateSpec
    item_count: int
    files: tuple[ManifestEntry, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the server made of the rows, or of their absence."""

    outcome: str
    score: str | None
    reasons: tuple[str, ...]


class GateDesk:
    """Takes exams from the server and hands their results in. Every digest is computed again here."""

    def __init__(
        self,
        client: Client,
        runner: str,
        *,
        lease_s: int = LEASE_S,
        beat_s: float = BEAT_S,
        key: RunnerKey | None = None,
    ) -> None:
        self._client = client
        self._runner = runner
        self._lease_s = lease_s
        self._beat_s = beat_s
        self._key = key

    def lease(self) -> Lease | None:
        """The oldest waiting gate run, or None."""
        body = {"seconds": self._lease_s, "runner": self._runner}
        given = self._client.post("/gate-runs/lease", body).get("lease")
        if given is None:
            return None
        run = given["gate_run"]
        title = f"{run['model']} v{run['version']} under gate {run['gate']} v{run['gate_version']}"
        return Lease(run["gate_run_id"], given["nonce"], given["fence"], title, given)

    def fetch_bundle(self, lease: Lease, exam: Exam, archive: Path) -> None:
        """The frozen evaluator as the archive whose digest the gate names."""
        self._client.stream_download(
            url_path("gate-runs", lease.gate_run_id, "bundle"), archive, exam.spec.bundle
        )

    def fetch_candidate(self, lease: Lease, exam: Exam, folder: Path) -> None:
        """The candidate's files below the empty `folder`, each checked against the manifest."""
        address = url_path("gate-runs", lease.gate_run_id, "files")
        for entry in exam.files:
            place = folder.joinpath(*entry.path.split("/"))
            self._client.stream_download(f"{address}/{file_path(entry.path)}", place, entry.sha256)

    def post_rows(
        self, lease: Lease, rows: tuple[ScoredItem, ...], suite: Suite | None = None
    ) -> Judged:
        """Hand the rows in, signed if there is a key; the verdict is the server's."""
        given = [row.as_json() for row in rows]
        said: dict[str, Any] = {"rows": given}
        if self._key is not None and suite is not None:
            statement = _statement(lease, given, suite)
            if statement is not None:
                signature = self._key.sign(statement)
                said["signature"] = {"key_id": self._key.key_id, "signature": signature}
        return self._end(lease, "rows", said)

    def release(self, lease: Lease) -> None:
        """Give the lease back, so that another runner need not wait until it runs out."""
        address = url_path("gate-runs", lease.gate_run_id, "release")
        self._client.request("POST", address, json=_proof(lease))

    def fail(self, lease: Lease, reason: str) -> Judged:
        """Say that the exam could not be held, which promotes nobody."""
        return self._end(lease, "fail", {"reason": reason[:REASON_MAX]})

    @contextmanager
    def kept_alive(self, lease: Lease) -> Iterator[Callable[[], bool]]:
        """Keep the lease while the block runs; the yielded function says whether it was lost."""
        over, lost = threading.Event(), threading.Event()

        def beat() -> None:
            ends_s = time.monotonic() + self._lease_s
            while not over.wait(self._beat_s):
                asked_s = time.monotonic()
                try:
                    self._beat(lease)
                    ends_s = asked_s + self._lease_s
                except ApiError as error:
                    # A refusal is final; a server that is away may be back before the lease ends.
                    if error.status in range(400, 500) or time.monotonic() > ends_s:
                        lost.set()
                        return

        thread = threading.Thread(target=beat, name="assay-heartbeat", daemon=True)
        thread.start()
        try:
            yield lost.is_set
        finally:
            over.set()
            thread.join()

    def _beat(self, lease: Lease) -> None:
        address = url_path("gate-runs", lease.gate_run_id, "heartbeat")
        self._client.request(
            "POST", address, json={**_proof(lease), "seconds": self._lease_s}, idempotent=True
        )

    def _end(self, lease: Lease, how: str, said: Mapping[str, Any]) -> Judged:
        address = url_path("gate-runs", lease.gate_run_id, how)
        answer = self._client.post(address, {**_proof(lease), **said})
        return Judged(answer["outcome"], answer.get("score"), tuple(answer.get("reasons") or ()))


def _proof(lease: Lease) -> dict[str, Any]:
    return {"nonce": lease.nonce, "fence": lease.fence}


def _statement(lease: Lease, rows: list[dict[str, Any]], suite: Suite) -> Statement | None:
    """What there is to sign; None for rows that the server will refuse as well."""
    try:
        spec = parse_gate(lease.given["gate"]["spec"])
        gated = recompute(suite, rows).metrics.get(spec.metric)
    except AppError:
        return None
    promised = lease.given["gate_run"]
    return Statement(
        gate_run_id=lease.gate_run_id,
        artifact_digest=promised["artifact_digest"],
        gate_fingerprint=gate_fingerprint(spec),
        nonce=lease.nonce,
        rows_sha256=sha256_hex(rows_text(rows)),
        score=None if gated is None else gated.mean,
    )


def check_exam(lease: Lease) -> Exam:
    """The exam of a lease. Raises DataCorrupted when its parts do not have the digests it promises."""
    given = lease.given
    try:
        spec = parse_gate(given["gate"]["spec"])
        files = manifest(
            check_entry(entry["path"], entry["size_bytes"], entry["sha256"])
            for entry in given["files"]
        )
    except AppError as fault:
        raise DataCorrupted(f"the lease is not usable: {fault.message}") from None
    promised = given["gate_run"]
    _compare("gate", gate_fingerprint(spec), promised["gate_fingerprint"])
    _compare("candidate", artifact_digest(files), promised["artifact_digest"])
    return Exam(spec, given["suite"]["item_count"], files)


def _compare(what: str, found: str, promised: str) -> None:
    if found != promised:
        raise DataCorrupted(f"the {what} has the digest {found}, not {promised}")
