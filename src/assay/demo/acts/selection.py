"""The sweep is scored, the winner chosen among what is comparable, and registered with its lineage."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from assay.demo.cast import ADAPTER, MODEL, Cast, TrainedRun, VersionStory
from assay.demo.checkout import FORGETFUL_TRAINER
from assay.demo.checkpoint import base_reference
from assay.demo.stage import Stage
from assay.demo.suites import METRIC
from assay.demo.sweep import Score
from assay.demo.workshop import EXPERIMENT
from assay.sdk.client import Client, url_path

_LINES_OF_ERROR = 1


def evaluate(stage: Stage, cast: Cast) -> None:
    """Report what every run scored on the ranking suite; one run chose an easier suite instead."""
    flattered, champion = cast.flattered, cast.champion
    for folder in (cast.suites.ranking, cast.suites.easy):
        stage.assay("suites", "create", folder)
    with stage.client as client:
        for run in cast.runs.values():
            if run is flattered:
                log_score(client, run, cast.easy_suite, run.result.clean)
            else:
                log_score(client, run, cast.ranking_suite, run.result.scanner)
    stage.assay("runs", "list", "--experiment", EXPERIMENT, "--metric", "eval/accuracy")
    easy, best = flattered.result.clean.value, champion.result.scanner.value
    stage.narrator.claim(
        f"the run with the highest score, {float(easy):.3f}, has it from an easier suite; "
        f"the best on the suite of all others has {float(best):.3f}",
        holds=easy > best,
        seen=(easy, best),
    )


def log_score(client: Client, run: TrainedRun, suite: str, score: Score) -> None:
    """Keep what a run scored on a suite."""
    client.post(
        f"{url_path('runs', run.run_id)}/evals",
        {"suite": suite, "metrics": {METRIC: float(score.value)}, "items": score.items},
    )


def choose(stage: Stage, cast: Cast) -> None:
    """The whole sweep cannot be ranked; the runs of one suite can."""
    command = ("winner", "--experiment", EXPERIMENT, "--metric", METRIC)
    refused = stage.assay(*command, expect=1)
    stage.narrator.claim(
        "runs of two suites are not ranked, and the refusal lists both",
        holds=cast.easy_suite in refused.output and cast.ranking_suite in refused.output,
        seen=refused.output,
    )
    chosen = stage.assay(*command, "--suite", cast.suites.ranking.name)
    stage.narrator.claim(
        f"on one suite {cast.champion.name} wins",
        holds=cast.champion.run_id in chosen.output,
        seen=chosen.output,
    )


def register(stage: Stage, cast: Cast, run: TrainedRun, *, claimed: float) -> dict[str, Any]:
    """Register a run's adapter and return the version, whose fingerprint is checked from scratch."""
    stage.assay("models", "register", MODEL, "--run", run.run_id, "--path", ADAPTER)
    with stage.client as client:
        number = client.get(url_path("models", MODEL))["last_version"]
        version: dict[str, Any] = client.get(url_path("models", MODEL, "versions", number))
    cast.versions[number] = VersionStory(number, run, claimed)
    expected = _fingerprint(cast, run)
    stage.narrator.claim(
        f"version {number} has the fingerprint {expected[:16]}…, "
        "SHA-256 of data, code, config, base and seed",
        holds=version["fingerprint"] == expected,
        seen=(version["fingerprint"], version["lineage_canonical"]),
    )
    return version


def refuse_unknown_data(stage: Stage, cast: Cast) -> None:
    """A run that does not say which data it used cannot be registered, whatever the client."""
    folder = stage.folders.training.glob(f"*/adapters/{cast.champion.name}")
    arguments = [stage.typed_in_checkout(next(folder)), MODEL]
    env = {"MLFLOW_TRACKING_URI": stage.url}
    stage.narrator.command(f"MLFLOW_TRACKING_URI={stage.url} python {FORGETFUL_TRAINER} …")
    script = stage.run_script(FORGETFUL_TRAINER, arguments, env)
    error = [line for line in script.output.splitlines() if line.strip()][-_LINES_OF_ERROR:]
    stage.narrator.shown("\n".join(error))
    with stage.client as client:
        last = client.get(url_path("models", MODEL))["last_version"]
    stage.narrator.claim(
        "without a data version nothing is registered, and the error names data_version",
        holds=script.exit_code != 0
        and "RestException" in error[-1]
        and "data_version" in error[-1]
        and last == max(cast.versions),
        seen=(script.exit_code, error, last),
    )


def _fingerprint(cast: Cast, run: TrainedRun) -> str:
    """The fingerprint as anybody can compute it: no code of Assay is asked."""
    planned = run.result.planned
    lineage = {
        "data_version": cast.materials.data_version,
        "code_commit": cast.commit,
        "config": planned.config.params(),
        "base_model": base_reference(cast.materials.base),
        "seed": planned.seed,
    }
    text = json.dumps(lineage, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
