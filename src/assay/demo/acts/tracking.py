"""Data, base and code are prepared; the sweep is trained and recorded through two clients at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.bundles.suite_folder import read_suite_folder
from assay.demo.backstage import Background
from assay.demo.cast import Cast, TrainedRun
from assay.demo.checkout import MLFLOW_TRAINER, SDK_TRAINER, make_checkout
from assay.demo.stage import Stage
from assay.demo.suites import write_suites
from assay.demo.sweep import PlannedRun, first_wave, pick_first_roles
from assay.demo.workshop import read_results, write_materials
from assay.sdk.client import url_path

MLFLOW = "mlflow"
SDK = "the SDK"

_TRAIN_WITHIN_S = 240.0
_TRAINERS = {MLFLOW: MLFLOW_TRAINER, SDK: SDK_TRAINER}
_ADDRESS = {MLFLOW: "MLFLOW_TRACKING_URI", SDK: "ASSAY_URL"}


def prepare(stage: Stage) -> Cast:
    """Write the data, pretrain the base, write the suites, commit the training scripts."""
    folders, narrator = stage.folders, stage.narrator
    with narrator.waiting("preparing"):
        materials = write_materials(folders.materials)
        suites = write_suites(materials.digits, folders.suites)
        commit = make_checkout(stage.backstage, folders.checkout)
    scanner = materials.digits.scanner
    narrator.say(
        f"{len(scanner.train):,} scanned digits to train on, {len(scanner.validation)} to choose "
        f"by, {len(scanner.holdout)} for the gate alone; a base that never saw a scan."
    )
    narrator.say(f"data version  {materials.data_version}")
    narrator.say(f"code commit   {commit} (the trainers' own repository)")
    ranking, easy, exam = (
        read_suite_folder(folder).fingerprint
        for folder in (suites.ranking, suites.easy, suites.exam)
    )
    narrator.claim(
        "three suites, three fingerprints",
        holds=len({ranking, easy, exam}) == 3,
        seen=(ranking, easy, exam),
    )
    return Cast(materials, suites, ranking, easy, exam, commit)


def train_first_wave(stage: Stage, cast: Cast) -> None:
    """Train the grid: half of it is recorded by mlflow, half by the SDK, at the same time."""
    plans = first_wave()
    shares = {MLFLOW: plans[1::2], SDK: plans[::2]}
    trained = train(stage, shares)
    cast.runs |= trained
    cast.roles = pick_first_roles([run.result for run in trained.values()])
    _check_recorded(stage, trained)


def train(
    stage: Stage, shares: Mapping[str, Sequence[PlannedRun]], champion: str | None = None
) -> dict[str, TrainedRun]:
    """Let each client record its share of the runs, all clients at once; return them by name."""
    trainers = {
        client: _start_trainer(stage, client, plans, champion) for client, plans in shares.items()
    }
    outputs = {client: _results_file(stage, client, champion) for client in shares}
    total = sum(len(plans) for plans in shares.values())
    with stage.narrator.progress("training", total) as progress:

        def all_ended() -> bool:
            done = sum(_count_lines(path) for path in outputs.values())
            progress.update(progress.task_ids[0], completed=done)
            return all(trainer.exit_code == 0 for trainer in trainers.values())

        stage.backstage.wait_until(
            all_ended, within_s=_TRAIN_WITHIN_S, awaited="end of the training"
        )
    return {
        result.planned.name: TrainedRun(run_id, client, result)
        for client, plans in shares.items()
        for run_id, result in read_results(outputs[client], plans).items()
    }


def _start_trainer(
    stage: Stage, client: str, plans: Sequence[PlannedRun], champion: str | None
) -> Background:
    chosen = [] if champion is None else ["--champion", champion]
    output = _results_file(stage, client, champion).parent
    arguments = [
        *("--data", stage.typed_in_checkout(stage.folders.materials)),
        *("--out", stage.typed_in_checkout(output)),
        *chosen,
        *(planned.name for planned in plans),
    ]
    script, address = _TRAINERS[client], _ADDRESS[client]
    stage.narrator.command(f"{address}={stage.url} python {script} … &  # {len(plans)} runs")
    name = f"{Path(script).stem} {output.name}"
    return stage.start_script(name, script, arguments, {address: stage.url})


def _results_file(stage: Stage, client: str, champion: str | None) -> Path:
    wave = "first" if champion is None else "second"
    return stage.folders.training / f"{wave}-{Path(_TRAINERS[client]).stem}" / "results.jsonl"


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _check_recorded(stage: Stage, trained: Mapping[str, TrainedRun]) -> None:
    points = 0
    with stage.client as client:
        for run in trained.values():
            steps = run.result.planned.config.steps
            path = url_path("runs", run.run_id)
            whole = client.get(path)
            metrics = whole["metrics"]
            points += sum(metric["count"] for metric in metrics.values())
            loss = metrics.get("train/loss", {"count": 0, "step": 0})
            seen = (whole["status"], loss["count"], loss["step"])
            if seen != ("finished", steps, steps):
                stage.narrator.claim(f"{run.name} has {steps} steps", holds=False, seen=seen)
    by_client = {
        client: sum(run.client == client for run in trained.values()) for client in (MLFLOW, SDK)
    }
    steps = sum(run.result.planned.config.steps for run in trained.values())
    stage.narrator.claim(
        f"{len(trained)} runs of {steps:,} steps are recorded, {points:,} metric points: "
        + ", ".join(f"{count} through {client}" for client, count in by_client.items()),
        holds=len(trained) >= 6 and min(by_client.values()) > 0,
        seen=by_client,
    )
