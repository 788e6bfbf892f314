"""What offline, killed and cut-off runs have kept is sent later: every frame, exactly once."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk.client import Answer, Client
from assay.sdk.delivery import Delivery
from assay.sdk.errors import ServerUnreachable
from assay.sdk.frames import Begin, Points, encode, framed
from assay.sdk.notices import Notices
from assay.sdk.run import Run
from assay.sdk.spool import SpoolReader, SpoolWriter
from assay.sdk.start import new_run_id, start_run
from assay.sdk.sync import SyncOutcome, sync
from tests.sdk.reading import history, logged, point_count, spool_files
from tests.support.server import LiveServer

Start = Callable[..., Run]


def begin(run_id: str) -> Begin:
    return Begin(run_id, "sync", "default", "", is_primary=True, started_at_ms=1, user_name="kim")


def a_dead_spool(spool: Path, run_id: str, steps: int) -> Path:
    """The spool of a process that logged `a` at each step and then died."""
    writer = SpoolWriter(spool / run_id)
    writer.append(encode(begin(run_id)))
    for step in range(steps):
        writer.append(encode(Points(step, 1_000 + step, {"a": float(step)})))
    writer.close()
    return writer.path


def test_an_offline_run_is_sent_whole_by_a_sync(
    offline: Start, client: Client, spool: Path, tmp_path: Path
) -> None:
    """Offline and online are the same recording, sent at another time."""
    (tmp_path / "w.bin").write_bytes(b"weights")
    with offline(name="later", params={"lr": 1}) as run:
        for step in range(10):
            run.log({"a": float(step)}, step=step)
        run.log_artifact(tmp_path / "w.bin", "adapter")
    told: list[str] = []

    report = sync(spool, client, lambda done: told.append(done.run_id))

    (sent,) = report.spools
    assert (sent.outcome, sent.points, sent.files, sent.refused) == (SyncOutcome.SENT, 10, 1, 0)
    assert report.is_complete
    assert told == [run.id]
    found = client.get(f"/runs/{run.id}")
    assert (found["name"], found["status"], found["params"]) == ("later", "finished", {"lr": "1"})
    assert history(client, run.id, "a") == [(n, float(n)) for n in range(10)]
    assert list(spool.iterdir()) == []
    assert sync(spool, client).spools == ()


def test_a_sync_without_a_spool_folder_has_nothing_to_do(client: Client, tmp_path: Path) -> None:
    """A machine on which nothing was recorded is no error."""
    assert sync(tmp_path / "missing", client).is_complete


def test_a_running_trainers_spool_is_left_to_it(
    offline: Start, client: Client, spool: Path
) -> None:
    """A sync beside a living training neither sends nor deletes anything of it."""
    run = offline()
    run.log({"a": 1.0})

    report = sync(spool, client)

    assert [found.outcome for found in report.spools] == [SyncOutcome.RUNNING]
    assert report.is_complete
    run.log({"a": 2.0})
    run.finish()
    assert [found.points for found in sync(spool, client).spools] == [2]


TRAINER = """
import os, sys, time
import assay
run = assay.start_run("killed", mode=sys.argv[1], run_id=sys.argv[2], spool=sys.argv[3], url=sys.argv[4])
print("ready", flush=True)
step = 0
while True:
    run.log({"a": float(step)}, step=step)
    os.write(1, b"%d\\n" % step)
    step += 1
"""


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_a_killed_trainers_points_are_all_sent_once(client: Client, spool: Path, mode: str) -> None:
    """SIGKILL at random moments: each point whose `log` returned is on the server, none twice."""
    chance = random.Random(7)
    for _ in range(4):
        run_id = new_run_id()
        with subprocess.Popen(
            [sys.executable, "-c", TRAINER, mode, run_id, str(spool), client.url],
            stdout=subprocess.PIPE,
            env={**os.environ, "ASSAY_GIT": "0"},
        ) as trainer:
            assert trainer.stdout is not None
            assert trainer.stdout.readline() == b"ready\n"
            said = [trainer.stdout.readline() for _ in range(chance.randrange(1, 3_000))]
            trainer.send_signal(signal.SIGKILL)
            said += trainer.stdout.read().splitlines(keepends=True)
        returned = max(int(line) for line in said if line.endswith(b"\n"))

        report = sync(spool, client)

        assert report.is_complete
        steps = [step for step, _ in history(client, run_id, "a")]
        assert steps == list(range(len(steps)))
        assert len(steps) in {returned + 1, returned + 2}
        assert point_count(client, run_id, "a") == len(steps)
        assert client.get(f"/runs/{run_id}")["status"] == "killed"
        assert spool_files(spool) == []


class CutOff(Client):
    """A client that notes its batches, and whose answers are lost after some requests.

    The server has done what it was asked, as when a sender dies before it reads the answer.
    """

    def __init__(self, url: str, answers: int = 1_000) -> None:
        super().__init__(url, retries=0)
        self.answers = answers
        self.batches: list[bytes] = []

    def request(self, method: str, path: str, **options: Any) -> Answer:
        found = super().request(method, path, **options)
        if path.endswith("/batch"):
            self.batches.append(options["content"])
        self.answers -= 1
        if self.answers < 0:
            raise ServerUnreachable(self.url, "cut off by the test")
        return found


@settings(max_examples=15)
@given(
    answers=st.integers(0, 4),
    before=st.integers(1, 60),
    between=st.integers(0, 60),
    torn=st.binary(max_size=30),
)
def test_a_sender_that_died_after_sending_is_taken_over_exactly(
    live_server: LiveServer,
    tmp_path_factory: pytest.TempPathFactory,
    answers: int,
    before: int,
    between: int,
    torn: bytes,
) -> None:
    """The batch that was under way is sent again as it was, even if more has been logged since."""
    spool, run_id = tmp_path_factory.mktemp("spool"), new_run_id()
    path = a_dead_spool(spool, run_id, before)
    with CutOff(live_server.url, answers) as cut_off, SpoolReader(path) as reader:
        delivery = Delivery(reader, cut_off, Notices(is_quiet=True))
        try:
            while delivery.step():
                pass
        except ServerUnreachable:
            lost = cut_off.batches[-1:]
        else:
            lost = []
    with path.open("ab") as file:
        for step in range(before, before + between):
            file.write(framed(encode(Points(step, 1_000 + step, {"a": float(step)}))))
        file.write(framed(b"torn" + torn)[:-1])

    with CutOff(live_server.url) as client:
        assert sync(spool, client).is_complete

        total = before + between
        assert client.batches[: len(lost)] == lost
        assert history(client, run_id, "a") == [(n, float(n)) for n in range(total)]
        assert point_count(client, run_id, "a") == total


def test_a_spool_cut_at_any_byte_is_sent_up_to_the_cut(client: Client, tmp_path: Path) -> None:
    """Wherever the file ends, exactly its whole frames arrive and nothing raises."""
    whole = a_dead_spool(tmp_path / "whole", new_run_id(), 3)
    content = whole.read_bytes()
    chance = random.Random(11)
    for cut in [0, 5, 12, 13, *chance.sample(range(14, len(content)), 12), len(content)]:
        spool, run_id = tmp_path / f"cut-{cut}", new_run_id()
        (spool / run_id).mkdir(parents=True)
        # The begin frame names the run: the same length, another id.
        original = whole.parent.name.encode()
        path = spool / run_id / "writer.spool"
        frame = framed(encode(begin(run_id)))
        position = content.index(original)
        assert position < len(frame) + 12
        path.write_bytes((content[:12] + frame + content[12 + len(frame) :])[:cut])
        expected = len(logged(path)) if cut >= 12 else 0

        report = sync(spool, client)

        assert report.is_complete
        assert [found.points for found in report.spools] == [expected]
        assert list(spool.iterdir()) == []


def test_a_run_of_which_another_server_has_a_part_is_kept(
    client: Client, own_server: LiveServer, spool: Path
) -> None:
    """Two halves on two servers make no run: the user is told where the first one is."""
    run_id = new_run_id()
    path = a_dead_spool(spool, run_id, 5)
    with SpoolReader(path) as reader:
        assert Delivery(reader, client, Notices()).step()
    with Client(own_server.start().url) as other:
        (kept,) = sync(spool, other).spools

    assert kept.outcome is SyncOutcome.KEPT
    assert client.url in kept.reason
    assert sync(spool, client).is_complete
    assert len(history(client, run_id, "a")) == 5


def test_a_spool_that_cannot_be_read_is_kept_and_does_not_stop_the_others(
    client: Client, spool: Path
) -> None:
    """Frames of a newer version, or a file that is no run's, wait for someone who knows better."""
    newer = a_dead_spool(spool, "a" * 32, 1)
    with newer.open("ab") as file:
        file.write(framed(b"\x92\x63\x01"))
    alien = SpoolWriter(spool / ("b" * 32))
    alien.append(encode(Points(0, 0, {"a": 1.0})))
    alien.close()
    good = new_run_id()
    a_dead_spool(spool, good, 2)

    report = sync(spool, client)

    outcomes = {found.run_id: found.outcome for found in report.spools}
    assert outcomes == {
        "a" * 32: SyncOutcome.KEPT,
        "b" * 32: SyncOutcome.KEPT,
        good: SyncOutcome.SENT,
    }
    assert not report.is_complete
    assert newer.exists()
    assert alien.path.exists()


def test_an_interrupted_sync_goes_on_where_it_was(own_server: LiveServer, spool: Path) -> None:
    """A server that goes away ends the sync with its sentence; the next one finishes the work."""
    url = own_server.start().url
    own_server.stop()
    first, second = sorted([new_run_id(), new_run_id()])
    a_dead_spool(spool, first, 3)
    a_dead_spool(spool, second, 4)
    with Client(url, retries=0) as client:
        with pytest.raises(ServerUnreachable):
            sync(spool, client)
        assert len(spool_files(spool)) == 2
        own_server.start()

        assert [found.points for found in sync(spool, client).spools] == [3, 4]


def test_the_late_end_of_an_earlier_attempt_changes_nothing(
    client: Client, live_server: LiveServer, spool: Path, tmp_path: Path
) -> None:
    """An attempt that failed offline and is sent afterwards does not undo the one that finished."""
    run = start_run("sync", mode="offline", spool=spool)
    run.log({"a": 1.0}, step=1)
    run.finish("failed")
    with start_run("sync", run_id=run.id, url=live_server.url, spool=tmp_path / "other") as again:
        again.log({"a": 2.0}, step=2)

    assert sync(spool, client).is_complete

    assert history(client, run.id, "a") == [(1, 1.0), (2, 2.0)]
    assert client.get(f"/runs/{run.id}")["status"] == "finished"


def test_a_run_that_was_resumed_elsewhere_is_not_called_killed(
    client: Client, live_server: LiveServer, spool: Path, tmp_path: Path
) -> None:
    """The late spool of a killed attempt does not change how the finished run ended."""
    run_id = new_run_id()
    a_dead_spool(spool, run_id, 3)
    with start_run("sync", run_id=run_id, url=live_server.url, spool=tmp_path / "other") as run:
        run.log({"a": 9.0}, step=9)

    assert sync(spool, client).is_complete

    assert [step for step, _ in history(client, run_id, "a")] == [0, 1, 2, 9]
    assert client.get(f"/runs/{run_id}")["status"] == "finished"
