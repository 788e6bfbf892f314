"""The gate is made, the first champion is examined and promoted, and three challengers try."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

from assay.demo.acts import tracking
from assay.demo.acts.selection import register
from assay.demo.cast import GATE, MODEL, Cast, TrainedRun, VersionStory
from assay.demo.stage import Stage
from assay.demo.suites import METRIC
from assay.demo.sweep import BOAST, GATE_THRESHOLD, first_wave, pick_challengers, second_wave
from assay.sdk.client import url_path

ALIAS = "production"

_EXAM_WITHIN_S = 120.0


def make_gate(stage: Stage, cast: Cast) -> None:
    """Freeze the exam suite as a gate."""
    stage.assay(
        *("gates", "create", GATE, "--suite", cast.suites.exam),
        *("--metric", METRIC, "--threshold", str(float(GATE_THRESHOLD))),
    )
    with stage.client as client:
        gate = client.get(url_path("gates", GATE))["gates"][0]
    stage.narrator.claim(
        "the frozen gate has the fingerprint of the exam suite that is in the folder",
        holds=gate["suite"] == cast.exam_suite and gate["is_current"],
        seen=gate,
    )


def promote_first(stage: Stage, cast: Cast) -> None:
    """Nothing is promoted without a verdict; with one, the first champion is."""
    story = cast.versions[1]
    held = stage.assay("promote", MODEL, "1", expect=1)
    stage.narrator.claim(
        "without a verdict the promotion is held, and the exam is queued",
        holds=_queued(stage, 1) and "no verdict" in held.text and holder(stage) is None,
        seen=held.text,
    )
    stage.start_gate_runner()
    await_verdict(stage, story)
    _promote(stage, story)


def train_challengers(stage: Stage, cast: Cast) -> None:
    """Train the second wave with the other client, and the champion's own recipe once more."""
    champion = cast.champion
    plans = {planned.name: planned for planned in first_wave()}
    challengers = second_wave(plans[champion.name])
    client = tracking.SDK if champion.client == tracking.MLFLOW else tracking.MLFLOW
    twin = plans[champion.name]
    trained = tracking.train(stage, {client: (twin, *challengers)}, champion=champion.name)
    cast.twin = trained.pop(champion.name)
    cast.runs |= trained
    cast.challengers = pick_challengers(champion.result, [run.result for run in trained.values()])
    stage.narrator.say(f"{len(trained) + 1} more runs, all recorded through {client}")


def register_twin(stage: Stage, cast: Cast) -> None:
    """The same training, recorded by the other client, has the same lineage."""
    twin, champion = cast.twin, cast.champion
    assert twin is not None
    version = register(stage, cast, twin, claimed=twin.accuracy)
    with stage.client as client:
        first = client.get(url_path("models", MODEL, "versions", 1))
    stage.narrator.claim(
        f"trained under {champion.client} and under {twin.client}: one fingerprint, the same bytes",
        holds=version["fingerprint"] == first["fingerprint"]
        and version["artifact_digest"] == first["artifact_digest"],
        seen=(version, first),
    )
    cast.versions[version["version"]].fates.append("same fingerprint as 1")


def hold_the_boaster(stage: Stage, cast: Cast) -> None:
    """A run that praises itself gets a lower score from the gate, and is held."""
    assert cast.challengers is not None
    run = cast.runs[cast.challengers.boaster.planned.name]
    path = url_path("runs", run.run_id)
    now_ms = time.time_ns() // 1_000_000
    with stage.client as client:
        client.post(f"{path}/batch", {"points": [[METRIC, BOAST, 0, now_ms]]})
        claim = {"suite": cast.exam_suite, "metrics": {METRIC: BOAST}}
        client.post(f"{path}/evals", claim)
    stage.narrator.say(f"{run.name} claims an accuracy of {BOAST} on the gate's own suite")
    story = _register_and_examine(stage, cast, run, claimed=BOAST)
    _hold(stage, story, f"the boaster is held: it claims {BOAST}, the gate counts")
    stage.narrator.claim(
        "its claim is far from what the gate counted",
        holds=_score(story) < BOAST - 0.05,
        seen=story,
    )


def hold_the_tie(stage: Stage, cast: Cast) -> None:
    """An exact tie promotes nobody."""
    assert cast.challengers is not None
    run = cast.runs[cast.challengers.tie.planned.name]
    story = _register_and_examine(stage, cast, run, claimed=run.accuracy)
    stage.narrator.claim(
        "it ties exactly with the champion",
        holds=story.exact_score == cast.versions[1].exact_score,
        seen=(story, cast.versions[1]),
    )
    _hold(stage, story, "the tie is held at")


def promote_the_better(stage: Stage, cast: Cast) -> None:
    """A strictly better version takes the alias."""
    assert cast.challengers is not None
    run = cast.runs[cast.challengers.better.planned.name]
    story = _register_and_examine(stage, cast, run, claimed=run.accuracy)
    _promote(stage, story)
    cast.versions[1].fates.append(f"beaten by {story.version}")


def holder(stage: Stage) -> int | None:
    """The version that holds the alias now."""
    with stage.client as client:
        aliases = client.get(url_path("models", MODEL, "aliases"))["aliases"]
    return next((alias["version"] for alias in aliases if alias["alias"] == ALIAS), None)


def await_verdict(stage: Stage, story: VersionStory) -> None:
    """Wait until the gate runner has examined the version, and keep what it scored."""
    verdicts: list[dict[str, Any]] = []

    def has_verdict() -> bool:
        with stage.client as client:
            path = url_path("models", MODEL, "versions", story.version)
            verdicts[:] = client.get(f"{path}/verdicts")["verdicts"]
        return bool(verdicts)

    with stage.narrator.progress(f"the gate runner examines version {story.version}", 1):
        stage.backstage.wait_until(has_verdict, within_s=_EXAM_WITHIN_S, awaited="verdict")
    verdict = verdicts[-1]
    score = verdict["score"]
    stage.narrator.claim(
        f"the gate runner scored version {story.version}: {verdict['outcome']}, "
        f"{METRIC} {score} on {verdict['items']} items",
        holds=verdict["outcome"] == "pass" and score is not None,
        seen=verdict,
    )
    story.exact_score = Fraction(score)


def _register_and_examine(
    stage: Stage, cast: Cast, run: TrainedRun, *, claimed: float
) -> VersionStory:
    version = register(stage, cast, run, claimed=claimed)
    story = cast.versions[version["version"]]
    with stage.client as client:
        client.post("/gate-runs", {"model": MODEL, "version": story.version})
    await_verdict(stage, story)
    return story


def _hold(stage: Stage, story: VersionStory, sentence: str) -> None:
    before = holder(stage)
    held = stage.assay("promote", MODEL, str(story.version), expect=1)
    with stage.client as client:
        proposal = client.post(
            f"{url_path('models', MODEL)}/promotion-preview", {"version": story.version}
        )
    stage.narrator.claim(
        f"{sentence} {_score(story):.3f} against {Fraction(proposal['champion_score']):.3f}",
        holds=proposal["codes"] == ["not_strictly_better"] and holder(stage) == before,
        seen=(held.text, proposal),
    )
    story.fates.append("held")


def _promote(stage: Stage, story: VersionStory) -> None:
    stage.assay("promote", MODEL, str(story.version))
    stage.narrator.claim(
        f"{MODEL}@{ALIAS} is version {story.version}",
        holds=holder(stage) == story.version,
        seen=holder(stage),
    )
    story.fates.append("promoted")


def _queued(stage: Stage, version: int) -> bool:
    with stage.client as client:
        waiting = client.get("/gate-runs", model=MODEL, version=version)["gate_runs"]
    return [run["state"] for run in waiting] == ["queued"]


def _score(story: VersionStory) -> float:
    assert story.exact_score is not None
    return float(story.exact_score)
