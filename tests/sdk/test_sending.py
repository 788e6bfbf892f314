"""What a run records arrives on a real server: all of it, once, whatever happens on the way."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import assay
from assay.domain.errors import FailedPrecondition, InvalidArgument, Unavailable
from assay.sdk import courier
from assay.sdk.client import Client
from assay.sdk.errors import ApiError
from assay.sdk.run import Run
from assay.sdk.start import new_run_id, start_run
from assay.sdk.sync import SyncOutcome, sync
from tests.sdk.reading import history, point_count, spool_files
from tests.support.server import LiveServer

Start = Callable[..., Run]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is away is asked again soon."""
    monkeypatch.setattr(courier, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(courier, "DRAIN_PAUSE_S", 0.1)


def files_of(client: Client, run_id: str) -> dict[str, int]:
    found = client.get(f"/runs/{run_id}/artifacts", recursive=True)["files"]
    return {file["path"]: file["size_bytes"] for file in found}


def test_everything_that_is_recorded_arrives(
    started: Start, client: Client, spool: Path, tmp_path: Path
) -> None:
    """Metrics, params, tags, texts, tables, files, datasets, scores and the end are on the server."""
    (tmp_path / "adapter" / "deep").mkdir(parents=True)
    (tmp_path / "adapter" / "deep" / "w.bin").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    parent = new_run_id()
    with started(name="first", params={"lr": 1e-05}, tags={"team": "x"}, parent=parent) as run:
        for step in range(50):
            run.log({"loss": 1 / (step + 1), "tokens": step * 100}, step=step)
        run.log({"loss": float("nan")}, step=50)
        run.log_text("note", "hello")
        run.log_table("samples", [{"prompt": "p", "reward": 1}], step=3)
        run.log_artifact(tmp_path / "config.json")
        run.log_artifact(tmp_path / "adapter")
        run.log_artifacts(tmp_path / "adapter", "checkpoints/final")
        run.log_dataset("train", "abc123", source="s3://data", role="train")
        run.log_eval("lm-eval@1", "accuracy", 0.5, items=10)

    found = client.get(f"/runs/{run.id}")
    assert (found["name"], found["status"]) == ("first", "finished")
    assert found["params"] == {"lr": "1e-05"}
    assert found["tags"] == {"team": "x", "assay.parent_run_id": parent}
    assert found["inputs"][0]["dataset"]["digest"] == "abc123"
    assert found["ended_at_ms"] >= found["started_at_ms"]
    assert history(client, run.id, "tokens") == [(n, n * 100.0) for n in range(50)]
    assert history(client, run.id, "loss")[50] == (50, "NaN")
    assert client.get(f"/runs/{run.id}/records", key="note")["records"][0]["step"] == 50
    assert client.get(f"/runs/{run.id}/records", key="samples")["records"][0]["kind"] == "table"
    assert client.get(f"/runs/{run.id}/evals")["results"][0]["value"] == 0.5
    assert files_of(client, run.id) == {
        "adapter/deep/w.bin": 7,
        "checkpoints/final/deep/w.bin": 7,
        "config.json": 2,
    }
    assert list(spool.iterdir()) == []
    assert run.url == f"{client.url}/runs/{run.id}"


def test_a_flush_waits_until_the_server_has_it(started: Start, client: Client) -> None:
    """After `flush` another process sees what was logged before it."""
    run = started()
    run.log({"a": 1.0})

    assert run.flush() is True
    assert history(client, run.id, "a") == [(0, 1.0)]
    assert client.get(f"/runs/{run.id}")["status"] == "running"


def test_a_file_that_is_overwritten_at_once_arrives_as_it_was(
    started: Start, client: Client, tmp_path: Path
) -> None:
    """A trainer writes its next checkpoint over the last one; each logged state is kept apart."""
    checkpoint = tmp_path / "model.bin"
    with started() as run:
        for step in range(3):
            checkpoint.write_bytes(b"%d" % step * 1000)
            run.log_artifact(checkpoint, f"step-{step}")
        checkpoint.write_bytes(b"later")

    for step in range(3):
        client.stream_download(f"/runs/{run.id}/files/step-{step}/model.bin", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b"%d" % step * 1000


def test_a_slow_upload_does_not_hold_up_metrics(
    started: Start, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints of gigabytes and curves travel side by side."""
    uploading, released = threading.Event(), threading.Event()
    real_upload = Client.upload

    def slow_upload(*arguments: object, **options: object) -> object:
        uploading.set()
        assert released.wait(60)
        return real_upload(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Client, "upload", slow_upload)
    (tmp_path / "big.bin").write_bytes(b"x")
    run = started()
    run.log_artifact(tmp_path / "big.bin")
    assert uploading.wait(60)
    run.log({"a": 1.0})
    sender = run._recorder._sender
    assert sender is not None

    assert sender._couriers[0].drain(60)

    assert history(client, run.id, "a") == [(0, 1.0)]
    assert files_of(client, run.id) == {}
    released.set()
    run.finish()
    assert files_of(client, run.id) == {"big.bin": 1}


def test_a_file_that_the_server_refuses_costs_only_itself(
    started: Start,
    client: Client,
    spool: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file cannot stand where a folder is: it is told, kept aside, and the next one is sent."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "folder").write_bytes(b"22")
    with started() as run:
        run.log_artifact(tmp_path / "a", "folder")
        run.log_artifact(tmp_path / "folder")
        run.log_artifact(tmp_path / "a", "other")

    assert files_of(client, run.id) == {"folder/a": 1, "other/a": 1}
    assert "the server refused the file 'folder'" in capsys.readouterr().err
    (kept,) = spool.glob("*/*.files/refused/*.bytes")
    assert kept.read_bytes() == b"22"


def test_a_mistake_in_a_score_or_a_dataset_is_named_at_the_call(started: Start) -> None:
    """What could never be recorded raises where it was written down."""
    run = started()
    for score in (float("nan"), float("inf"), "0.5", None):
        with pytest.raises(InvalidArgument, match="finite number"):
            run.log_eval("suite@1", "accuracy", score)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="suite"):
        run.log_eval("", "accuracy", 0.5)
    with pytest.raises(InvalidArgument, match="digest"):
        run.log_dataset("train", "")
    with pytest.raises(InvalidArgument, match="'finished', 'failed' or 'killed'"):
        run.finish("done")


@pytest.mark.parametrize("path", ["../up", "/etc", "a//b", "a\\b", "a/%2e%2e/b", "nul\x00"])
def test_a_path_that_no_artifact_may_have_is_refused_at_the_call(
    started: Start, tmp_path: Path, path: str
) -> None:
    """The mistake is named where it was made."""
    (tmp_path / "f").write_text("x")
    run = started()

    with pytest.raises(InvalidArgument, match="artifact_path"):
        run.log_artifact(tmp_path / "f", path)
    with pytest.raises(FileNotFoundError):
        run.log_artifact(tmp_path / "missing")
    with pytest.raises(NotADirectoryError):
        run.log_artifacts(tmp_path / "f")


def test_a_server_that_is_away_at_the_start_gets_everything_later(
    own_server: LiveServer, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training starts without its server, is told once, and nothing is lost."""
    url = own_server.start().url
    own_server.stop()
    run = start_run("away", url=url, spool=spool, params={"lr": 1})
    for step in range(100):
        run.log({"a": float(step)}, step=step)
    assert run.flush(30) is False
    told = capsys.readouterr().err
    assert told.count("cannot be reached") == 1
    assert "will be sent later (assay sync)" in told

    own_server.start()
    run.log({"a": 100.0}, step=100)
    run.finish()

    with Client(url) as client:
        assert history(client, run.id, "a") == [(n, float(n)) for n in range(101)]
        assert point_count(client, run.id, "a") == 101
        assert client.get(f"/runs/{run.id}")["status"] == "finished"
    assert "cannot be reached" not in capsys.readouterr().err


def test_a_server_killed_again_and_again_has_every_point_once(
    own_server: LiveServer, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL at any moment: no logged point is missing and none counts twice."""
    monkeypatch.setattr(courier, "FLUSH_INTERVAL_S", 0.005)
    monkeypatch.setattr(courier, "LONGEST_PAUSE_S", 0.2)
    url = own_server.start().url
    run = start_run("killed", url=url, spool=spool)
    stop, logged = threading.Event(), [0]

    def train() -> None:
        while not stop.is_set():
            run.log({"a": float(logged[0]), "b": -1.0}, step=logged[0])
            logged[0] += 1
            time.sleep(0.0005)

    training = threading.Thread(target=train)
    training.start()
    try:
        for _ in range(3):
            before = logged[0]
            while logged[0] < before + 400:
                training.join(0.01)
            own_server.kill()
            own_server.start()
    finally:
        stop.set()
        training.join()
    run.finish()

    with Client(url) as client:
        assert history(client, run.id, "a") == [(n, float(n)) for n in range(logged[0])]
        assert point_count(client, run.id, "a") == logged[0]
        assert point_count(client, run.id, "b") == logged[0]
    assert spool_files(spool) == []


def test_two_processes_write_into_one_run(started: Start, client: Client) -> None:
    """A worker joins by id; the primary names and ends the run, in whichever order they begin."""
    run_id = new_run_id()
    worker = started(run_id=run_id, shared=True, params={"world": 2})
    worker.log({"rank1/loss": 1.0}, step=7)
    assert worker.flush()

    primary = started(run_id=run_id, name="both", lineage=assay.Lineage(seed=3))
    primary.log({"loss": 0.5})
    primary.finish()
    worker.log({"rank1/loss": 2.0}, step=8)
    worker.finish("failed")

    found = client.get(f"/runs/{run_id}")
    assert (found["name"], found["status"]) == ("both", "finished")
    assert found["lineage"] == '{"seed": 3}'
    assert found["params"] == {"world": "2"}
    assert history(client, run_id, "rank1/loss") == [(7, 1.0), (8, 2.0)]


def test_a_worker_needs_only_the_id_and_may_be_first(
    live_server: LiveServer, client: Client, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker that knows no experiment waits for the run, and joins it wherever it was started."""
    run_id = new_run_id()
    worker = start_run(run_id=run_id, shared=True, url=live_server.url, spool=spool)
    worker.log({"early": 1.0})
    assert worker.flush(0.5) is False
    assert "has not been started anywhere yet" in capsys.readouterr().err
    (kept,) = sync(spool, client).spools
    assert kept.outcome is SyncOutcome.RUNNING

    with start_run("the experiment", run_id=run_id, url=live_server.url, spool=spool) as primary:
        primary.log({"a": 1.0})
        assert worker.flush()
    worker.finish()

    assert history(client, run_id, "early") == [(0, 1.0)]
    assert spool_files(spool) == []


def test_what_a_forked_worker_left_behind_is_sent_with_the_run(
    started: Start, client: Client
) -> None:
    """A worker that exits without a word leaves a spool, which the run's own end sends."""
    with started() as run:
        run.log({"a": 0.0})
        child = os.fork()
        if not child:
            code = 1
            try:
                for step in range(20):
                    run.log({"worker": float(step)}, step=step)
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        run.log({"a": 1.0})

    assert history(client, run.id, "worker") == [(n, float(n)) for n in range(20)]
    assert history(client, run.id, "a") == [(0, 0.0), (1, 1.0)]
    assert point_count(client, run.id, "worker") == 20


def test_a_run_is_resumed_by_its_id(started: Start, client: Client) -> None:
    """A resumed run is running again, and its steps count on from the last one."""
    with started() as first:
        first.log({"a": 1.0}, step=41)

    second = started(run_id=first.id, resume=True, experiment=None)
    second.log({"a": 2.0})
    assert second.flush()
    assert client.get(f"/runs/{first.id}")["status"] == "running"
    second.finish()

    assert history(client, first.id, "a") == [(41, 1.0), (42, 2.0)]
    assert client.get(f"/runs/{first.id}")["status"] == "finished"


def test_a_run_that_does_not_exist_cannot_be_resumed(started: Start) -> None:
    """A typing error in a run id is named before the training begins."""
    with pytest.raises(ApiError) as refusal:
        started(run_id="f" * 32, resume=True)
    assert refusal.value.code == "not_found"

    with pytest.raises(InvalidArgument, match="run_id"):
        started(resume=True)


def test_a_run_is_resumed_while_its_server_is_away(
    own_server: LiveServer, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A restarted job does not wait for the server: it is told that steps count from 0 and goes on."""
    url = own_server.start().url
    with start_run("restart", url=url, spool=spool) as first:
        first.log({"a": 1.0}, step=5)
    own_server.stop()
    run = start_run(run_id=first.id, resume=True, url=url, spool=spool)
    run.log({"a": 2.0})
    assert "steps that are not given count from 0" in capsys.readouterr().err

    own_server.start()
    run.finish()

    with Client(url) as client:
        assert history(client, first.id, "a") == [(0, 2.0), (5, 1.0)]


def test_a_refused_param_costs_nothing_else(
    started: Start, client: Client, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server keeps the first value of a param; the rest of the batch arrives, and the user is told."""
    run = started(params={"early": 1})
    assert run.flush()
    client.post(f"/runs/{run.id}/params", {"params": {"lr": "1"}})
    for step in range(300):
        run.log({"a": float(step)}, step=step)
        if step == 150:
            run.log_params({"lr": 2, "other": 3})
            run.log_params({"late": 4})
    run.finish()

    assert history(client, run.id, "a") == [(n, float(n)) for n in range(300)]
    assert point_count(client, run.id, "a") == 300
    assert client.get(f"/runs/{run.id}")["params"] == {"early": "1", "lr": "1", "late": "4"}
    told = capsys.readouterr().err
    assert told.count("the server refused something") == 1
    assert "lr" in told
    assert len(list(spool.glob("*/*.refused"))) == 1


def test_a_deleted_run_keeps_what_it_records(
    started: Start, client: Client, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deleting a run under a training stops the sending, not the training; restored, it can be synced."""
    run = started()
    run.log({"a": 0.0})
    assert run.flush()
    client.delete(f"/runs/{run.id}")
    run.log({"a": 1.0})
    run.finish()

    assert "does not take this run" in capsys.readouterr().err
    assert len(spool_files(spool)) == 1
    (kept,) = sync(spool, client).spools
    assert kept.outcome is SyncOutcome.KEPT
    assert "Restore it" in kept.reason

    client.post(f"/runs/{run.id}/restore")
    assert sync(spool, client).is_complete
    assert history(client, run.id, "a") == [(0, 0.0), (1, 1.0)]


def test_a_wrong_credential_keeps_everything_until_it_is_right(
    tmp_path: Path, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run with a bad token is told so, trains on, and is sent later with a good one."""
    with LiveServer(tmp_path / "with-accounts", "--auth") as server:
        run = start_run("secret", url=server.url, token="hush-7", spool=spool)
        run.log({"a": 1.0})
        assert run.flush(0.5) is False
        run.finish(timeout_s=0.5)
        told = capsys.readouterr().err
        assert told.count("the server did not take") == 1
        assert "hush-7" not in told

        with Client(server.url, server.token("admin")) as client:
            assert sync(spool, client).is_complete
            assert history(client, run.id, "a") == [(0, 1.0)]


def test_a_version_has_the_fingerprint_that_its_values_have(
    started: Start, client: Client, tmp_path: Path
) -> None:
    """What is registered from a run equals what `Lineage` computes for the same typed values."""
    (tmp_path / "adapter.bin").write_bytes(b"weights")
    lineage = assay.Lineage(
        data_version="sha256:" + "a" * 64, base_model="base", seed=7, code_commit="c" * 40
    )
    config = {"lr": 1e-05, "lora_r": 16, "warm": True, "scheduler": None, "name": "dpo-é"}
    with started(lineage=lineage) as run:
        run.log_params(config)
        run.log_artifact(tmp_path / "adapter.bin", "adapter")
        first = run.register("sdk-model", "adapter", description="first", tags={"k": "v"})
        second = run.register("sdk-model", "adapter")
    stated = assay.Lineage(
        data_version=lineage.data_version,
        base_model="base",
        seed=7,
        code_commit="c" * 40,
        config=config,
    )

    assert (first, second) == (1, 2)
    version = client.get("/models/sdk-model/versions/1")
    assert version["fingerprint"] == stated.fingerprint().hex == run.lineage.fingerprint().hex
    assert (version["description"], version["tags"]) == ("first", {"k": "v"})


def test_what_is_missing_of_the_lineage_is_named(
    started: Start, client: Client, tmp_path: Path
) -> None:
    """A registration without a data version is refused at once, naming the field."""
    (tmp_path / "adapter.bin").write_bytes(b"weights")
    run = started(lineage=assay.Lineage(base_model="b", seed=1, code_commit="c"))
    run.log_artifact(tmp_path / "adapter.bin", "adapter")

    assert run.lineage.missing == ["data_version"]
    with pytest.raises(ApiError, match="data_version") as refusal:
        run.register("incomplete", "adapter")
    assert refusal.value.code == "lineage_incomplete"
    assert refusal.value.details["missing"] == ["data_version"]
    with pytest.raises(ApiError, match="adapter"):
        run.register("incomplete", "nowhere")


def test_a_run_that_is_not_online_registers_nothing(
    offline: Start, own_server: LiveServer, spool: Path
) -> None:
    """Registering needs the server: offline and away are told apart, with the next step."""
    with pytest.raises(FailedPrecondition, match="assay sync"):
        offline().register("m")

    url = own_server.start().url
    own_server.stop()
    run = start_run("away", url=url, spool=spool)
    with pytest.raises(Unavailable, match="was not registered"):
        run.register("m", timeout_s=1)
    run.finish(timeout_s=0)


def test_a_run_that_ends_without_its_server_says_how_to_send_it(
    own_server: LiveServer, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`finish` gives up after a few attempts instead of holding up the job; a sync sends it."""
    url = own_server.start().url
    own_server.stop()
    run = start_run("away", url=url, spool=spool)
    run.log({"a": 1.0})
    before = time.monotonic()
    run.finish()
    assert time.monotonic() - before < 30
    assert "Send it with `assay sync`" in capsys.readouterr().err

    own_server.start()
    with Client(url) as client:
        (sent,) = sync(spool, client).spools
        assert (sent.run_id, sent.outcome, sent.points) == (run.id, SyncOutcome.SENT, 1)
        assert client.get(f"/runs/{run.id}")["status"] == "finished"
        assert sync(spool, client).spools == ()
