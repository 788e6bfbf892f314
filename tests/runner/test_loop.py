"""The gate runner's loop against a server that says what a test wants it to say."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from assay.bundles.archive import pack
from assay.bundles.suite_folder import SuiteFolder, read_suite_folder
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.gate import gate_fingerprint, gate_record, parse_gate
from assay.runner import loop
from assay.runner.client import Exam, GateDesk, Judged, Lease
from assay.runner.loop import Examined, GateRunner, Stop, Watch
from assay.runner.sandbox import Limits, SandboxUnavailable, open_sandbox
from assay.sdk.errors import ApiError, ServerUnreachable
from tests.support.suite_folders import write_suite

ANSWERS = json.dumps({"France": "Paris", "Italy": "Roma", "Österreich": "Graz"}).encode()
NOSY_SCORER = """
import os, sys
print(sorted(os.environ), file=sys.stderr)
sys.exit(1)
"""
SLOW_SCORER = "import threading\nthreading.Event().wait()\n"

Send = Callable[[], Judged]


@dataclass
class Desk:
    """A server with one exam to give out; `posted` and `failed` are what it was handed."""

    given: dict[str, Any]
    bundle: bytes
    files: dict[str, bytes]
    leases: int = 1
    bundles_sent: int = 0
    posted: list[Any] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    refusals: list[ApiError] = field(default_factory=list)
    is_lost: threading.Event = field(default_factory=threading.Event)

    def lease(self) -> Lease | None:
        if self.refusals and self.leases:
            raise self.refusals.pop(0)
        if not self.leases:
            return None
        self.leases -= 1
        return Lease("run-1", "nonce", 1, "bot v1 under gate exam v1", self.given)

    def fetch_bundle(self, lease: Lease, exam: Exam, archive: Path) -> None:
        self.bundles_sent += 1
        archive.write_bytes(self.bundle)

    def fetch_candidate(self, lease: Lease, exam: Exam, folder: Path) -> None:
        for entry in exam.files:
            place = folder.joinpath(*entry.path.split("/"))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self.files[entry.path])
            place.chmod(0o600)

    def post_rows(self, lease: Lease, rows: Any, suite: Any = None) -> Judged:
        if self.refusals:
            raise self.refusals.pop(0)
        self.posted.append({row.item_id: dict(row.metrics) for row in rows})
        return Judged("pass", "2/3", ("it passed",))

    def release(self, lease: Lease) -> None:
        self.released.append(lease.gate_run_id)

    def fail(self, lease: Lease, reason: str) -> Judged:
        self.failed.append(reason)
        return Judged("error", None, (reason,))

    @contextlib.contextmanager
    def kept_alive(self, lease: Lease) -> Iterator[Callable[[], bool]]:
        yield self.is_lost.is_set


def a_desk(tmp_path: Path, **suite_parts: Any) -> Desk:
    folder = read_suite_folder(write_suite(tmp_path / "suite", **suite_parts))
    archive = tmp_path / "bundle.tar"
    with archive.open("wb") as file:
        bundle_sha256 = pack(folder, file)
    files = {"answers.json": ANSWERS, "parts/notes.txt": b"notes"}
    return Desk(_lease(folder, bundle_sha256, files), archive.read_bytes(), files)


def _lease(folder: SuiteFolder, bundle_sha256: str, files: dict[str, bytes]) -> dict[str, Any]:
    spec = parse_gate(
        {
            "suite": folder.fingerprint,
            "metric": "accuracy",
            "direction": "maximize",
            "threshold": "0.5",
            "bundle": bundle_sha256,
        }
    )
    entries = [
        ManifestEntry(path, len(content), hashlib.sha256(content).hexdigest())
        for path, content in files.items()
    ]
    return {
        "gate_run": {
            "gate_run_id": "run-1",
            "gate_fingerprint": gate_fingerprint(spec),
            "artifact_digest": artifact_digest(entries),
        },
        "gate": {"spec": gate_record(spec)},
        "suite": {"item_count": folder.suite.item_count()},
        "files": [
            {"path": e.path, "size_bytes": e.size_bytes, "sha256": e.sha256} for e in entries
        ],
    }


@pytest.fixture
def heard() -> list[Any]:
    """What the runner has told: leases, results and absences of the server."""
    return []


def a_runner(desk: Desk, tmp_path: Path, heard: list[Any]) -> GateRunner:
    return GateRunner(
        desk=desk,  # type: ignore[arg-type] # a stand-in with the same methods
        sandbox=open_sandbox(unsandboxed=True),
        limits=Limits(wall_s=60, cpu_s=60),
        cache=tmp_path / "cache",
        watch=Watch(heard.append, heard.append, heard.append),
        stop=Stop(),
    )


def a_refusal(code: str, status: int = 409) -> ApiError:
    return ApiError(code, f"refused: {code}", status=status)


def test_an_exam_is_scored_and_its_rows_are_handed_in(tmp_path: Path, heard: list[Any]) -> None:
    """One row per item, as the scorer wrote them; the verdict is the server's."""
    desk = a_desk(tmp_path)
    examined = a_runner(desk, tmp_path, heard).examine_next()

    assert desk.posted == [{"fr": {"accuracy": 1}, "it": {"accuracy": 1}, "at": {"accuracy": 0}}]
    assert examined is not None
    assert examined.judged == Judged("pass", "2/3", ("it passed",))
    assert [type(news) for news in heard] == [Lease, Examined]


def test_a_bundle_is_fetched_once_and_checked_each_time(tmp_path: Path, heard: list[Any]) -> None:
    """The cache saves a transfer, and is never believed."""
    desk = a_desk(tmp_path)
    desk.leases = 3
    runner = a_runner(desk, tmp_path, heard)
    runner.examine_next()
    runner.examine_next()
    assert desk.bundles_sent == 1

    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(cached.read_bytes().replace(b"Paris", b"Lyon!"))
    runner.examine_next()

    assert desk.bundles_sent == 2
    assert len(desk.posted) == 3


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda given: given["gate"]["spec"].update(threshold="0.1"), "gate has the digest"),
        (lambda given: given["gate"]["spec"].update(metric=1), "not usable"),
        (lambda given: given["files"][0].update(sha256="0" * 64), "candidate has the digest"),
        (lambda given: given["files"].pop(), "candidate has the digest"),
        (lambda given: given["files"][0].update(path="../outside"), "not usable"),
    ],
)
def test_a_lease_that_contradicts_itself_is_an_error(
    tmp_path: Path, heard: list[Any], spoil: Callable[[dict[str, Any]], None], word: str
) -> None:
    """What is examined is what the gate froze, or nothing is; nothing is fetched for it."""
    desk = a_desk(tmp_path)
    spoil(desk.given)
    a_runner(desk, tmp_path, heard).examine_next()

    assert desk.posted == []
    assert word in desk.failed[0]
    assert desk.bundles_sent == 0


def test_another_suite_than_the_gates_is_an_error(tmp_path: Path, heard: list[Any]) -> None:
    """The right digest of the wrong exam is the wrong exam."""
    desk = a_desk(tmp_path)
    spec = replace(parse_gate(desk.given["gate"]["spec"]), suite="0" * 64)
    desk.given["gate"]["spec"] = gate_record(spec)
    desk.given["gate_run"]["gate_fingerprint"] = gate_fingerprint(spec)
    a_runner(desk, tmp_path, heard).examine_next()

    assert desk.posted == []
    assert "not the gate's" in desk.failed[0]


def test_a_bundle_with_other_bytes_is_an_error(tmp_path: Path, heard: list[Any]) -> None:
    """Nothing of it is run."""
    desk = a_desk(tmp_path)
    desk.bundle = desk.bundle.replace(b"Paris", b"Lyon!")
    a_runner(desk, tmp_path, heard).examine_next()

    assert desk.posted == []
    assert "digest" in desk.failed[0]


def test_rows_that_the_server_refuses_become_an_error(tmp_path: Path, heard: list[Any]) -> None:
    """The reason goes into the verdict, so that the gate's author can read it."""
    desk = a_desk(tmp_path)
    runner = a_runner(desk, tmp_path, heard)
    lease = desk.lease()
    assert lease is not None
    desk.leases = 1
    desk.lease = lambda: lease  # type: ignore[method-assign]
    desk.refusals = [a_refusal("invalid_argument", 422)]
    examined = runner.examine_next()

    assert desk.failed == ["refused: invalid_argument"]
    assert examined is not None
    assert examined.judged is not None
    assert examined.judged.outcome == "error"


def test_a_lease_that_somebody_else_has_now_is_given_up(tmp_path: Path, heard: list[Any]) -> None:
    """Nothing more is said about it: neither rows nor an error."""
    desk = a_desk(tmp_path)
    lease = desk.lease()
    desk.lease = lambda: lease  # type: ignore[method-assign]
    desk.refusals = [a_refusal("conflict")]
    examined = a_runner(desk, tmp_path, heard).examine_next()

    assert examined is not None
    assert examined.judged is None
    assert desk.posted == desk.failed == []


def test_results_wait_for_a_server_that_is_away(
    tmp_path: Path, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour's exam is not thrown away because the server restarts."""
    monkeypatch.setattr(loop, "HAND_IN_PAUSE_S", 0.01)
    desk = a_desk(tmp_path)
    lease = desk.lease()
    desk.lease = lambda: lease  # type: ignore[method-assign]
    desk.refusals = [ServerUnreachable("http://x", "gone"), a_refusal("unavailable", 503)]
    a_runner(desk, tmp_path, heard).examine_next()

    assert len(desk.posted) == 1


def test_a_lost_lease_ends_the_scorer(tmp_path: Path, heard: list[Any]) -> None:
    """No processor time for what somebody else examines now."""
    desk = a_desk(tmp_path, scorer=SLOW_SCORER)
    threading.Timer(0.3, desk.is_lost.set).start()
    examined = a_runner(desk, tmp_path, heard).examine_next()

    assert examined is not None
    assert examined.judged is None
    assert desk.posted == desk.failed == []


def test_a_machine_without_its_sandbox_says_so_and_stops(
    tmp_path: Path, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with the machine would be wrong with every exam."""

    def unavailable(*_: object, **__: object) -> None:
        raise SandboxUnavailable("no walls today")

    monkeypatch.setattr(loop, "score_candidate", unavailable)
    desk = a_desk(tmp_path)

    with pytest.raises(SandboxUnavailable):
        a_runner(desk, tmp_path, heard).run(poll_s=0.1)
    assert "no walls today" in desk.failed[0]


def test_a_credential_that_is_refused_stops_the_loop(tmp_path: Path, heard: list[Any]) -> None:
    """Asking again would not help."""
    desk = a_desk(tmp_path)
    desk.refusals = [a_refusal("permission_denied", 403)]

    with pytest.raises(ApiError, match="permission_denied"):
        a_runner(desk, tmp_path, heard).run(poll_s=0.1)


def test_the_loop_waits_for_a_server_and_goes_on(
    tmp_path: Path, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is away is told of; then work goes on, until it is stopped."""
    monkeypatch.setattr(loop, "LONGEST_PAUSE_S", 0.01)
    desk = a_desk(tmp_path)
    desk.refusals = [ServerUnreachable("http://x", "gone"), a_refusal("unavailable", 503)]
    runner = a_runner(desk, tmp_path, heard)

    def tell(examined: Examined) -> None:
        heard.append(examined)
        runner.stop.soon.set()

    replace(runner, watch=replace(runner.watch, on_examined=tell)).run(poll_s=0.01)

    assert [type(news) for news in heard] == [ServerUnreachable, ApiError, Lease, Examined]


def test_until_idle_does_not_wait_for_a_server(tmp_path: Path, heard: list[Any]) -> None:
    """A script that wants to be done is told that it is not."""
    desk = a_desk(tmp_path)
    desk.refusals = [ServerUnreachable("http://x", "gone")]

    with pytest.raises(ServerUnreachable):
        a_runner(desk, tmp_path, heard).run(poll_s=0.1, until_idle=True)


def test_a_scorer_sees_nothing_of_the_runners_environment(
    tmp_path: Path, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credential stays outside, also where there are no walls."""
    monkeypatch.setenv("ASSAY_TOKEN", "assay_secret")
    desk = a_desk(tmp_path, scorer=NOSY_SCORER)
    a_runner(desk, tmp_path, heard).examine_next()

    assert "PATH" in desk.failed[0]
    assert "ASSAY_TOKEN" not in desk.failed[0]


def test_a_gates_time_counts_where_it_is_shorter(
    tmp_path: Path, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wrote the gate knows how long its exam may take; the operator has the last word."""
    seen: list[float] = []

    def look(*_: object, limits: Limits, **__: object) -> Any:
        seen.append(limits.wall_s)
        raise OSError("seen enough")

    monkeypatch.setattr(loop, "score_candidate", look)
    desk = a_desk(tmp_path)
    desk.leases = 2
    for timeout_s in (7, 3600):
        spec = replace(parse_gate(desk.given["gate"]["spec"]), timeout_s=timeout_s)
        desk.given["gate"]["spec"] = gate_record(spec)
        desk.given["gate_run"]["gate_fingerprint"] = gate_fingerprint(spec)
        a_runner(desk, tmp_path, heard).examine_next()

    assert seen == [7.0, 60.0]
    assert "seen enough" in desk.failed[0]


class Line:
    """A client whose heartbeats are answered from a list; None stands for a beat that is heard."""

    def __init__(self, *answers: ApiError | None) -> None:
        self.answers = list(answers)
        self.all_heard = threading.Event()

    def request(self, *_: object, **__: object) -> None:
        if not self.answers:
            self.all_heard.set()
            return
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer


def a_gate_desk(*answers: ApiError | None, lease_s: int = 60) -> tuple[Line, GateDesk]:
    line = Line(*answers)
    return line, GateDesk(line, "me", lease_s=lease_s, beat_s=0.01)  # type: ignore[arg-type] # a stand-in


def test_a_heartbeat_that_is_refused_loses_the_lease() -> None:
    """The server has given the exam to another runner, and no further beat is sent."""
    line, desk = a_gate_desk(None, a_refusal("conflict"))
    with desk.kept_alive(Lease("run-1", "nonce", 1, "", {})) as is_lost:
        assert wait_until(is_lost)
    assert not line.all_heard.is_set()


def test_a_server_that_is_away_for_a_moment_does_not_lose_the_lease() -> None:
    """Until the lease ends the next beat may be heard."""
    line, desk = a_gate_desk(ServerUnreachable("http://x", "gone"), None)
    with desk.kept_alive(Lease("run-1", "nonce", 1, "", {})) as is_lost:
        assert line.all_heard.wait(30)
        assert not is_lost()


def test_a_server_that_stays_away_loses_the_lease() -> None:
    """When its time is over the exam may be anybody's."""
    _, desk = a_gate_desk(*[ServerUnreachable("http://x", "gone")] * 100, lease_s=0)
    with desk.kept_alive(Lease("run-1", "nonce", 1, "", {})) as is_lost:
        assert wait_until(is_lost)


def wait_until(condition: Callable[[], bool]) -> bool:
    pause = threading.Event()
    for _ in range(3_000):
        if condition():
            return True
        pause.wait(0.01)
    return False
