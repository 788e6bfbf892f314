"""The gate is made, the first champion is examined and promoted, and three challengers try."""

from __future__ import annotations

import time
from fractions import Fraction

from assay.demo.acts import tracking
from assay.demo.acts.selection import register
from assay.demo.cast import GATE, MODEL, Cast, VersionStory
from assay.demo.stage import Stage
from assay.demo.suites import METRIC
from assay.demo.sweep import BOAST, GATE_THRESHOLD, first_wave, pick_challengers, second_wave
from assay.sdk.client import url_path

ALIAS = "production"

RUNNER = "gate:gate-runner"
"""Who may write verdicts here: the principal that the server made at its first start."""


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
        holds=gate["spec"]["suite"] == cast.exam_suite and gate["is_current"],
        seen=gate,
    )


def promote_first(stage: Stage, cast: Cast) -> None:
    """Nothing is promoted without a verdict; with one, the first champion is."""
    story = cast.versions[1]
    held = stage.assay("promote", MODEL, "1", expect=1)
    stage.narrator.claim(
        "without a verdict the promotion is held, and the exam is queued",
        holds=_queued(stage, 1) and "no verdict" in held.output and holder(stage) is None,
        seen=held.output,
    )
    stage.start_gate_runner()
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
    stage.narrator.say(f"{run.name} claims an accuracy of {BOAST} on the gate's own suite.")
    version = register(stage, cast, run, claimed=BOAST)
    story = cast.versions[version["version"]]
    _hold(stage, story)
    champion = cast.versions[1]
    stage.narrator.claim(
        f"it claims {BOAST}, the gate counts {_score(story):.3f}: "
        f"held, below the champion's {_score(champion):.3f}",
        holds=_score(story) < min(BOAST, _score(champion)),
        seen=story,
    )


def hold_the_tie(stage: Stage, cast: Cast) -> None:
    """An exact tie promotes nobody."""
    assert cast.challengers is not None
    run = cast.runs[cast.challengers.tie.planned.name]
    version = register(stage, cast, run, claimed=run.accuracy)
    story = cast.versions[version["version"]]
    _hold(stage, story)
    stage.narrator.claim(
        f"{story.exact_score} against {cast.versions[1].exact_score}: a tie is held",
        holds=story.exact_score == cast.versions[1].exact_score,
        seen=(story, cast.versions[1]),
    )


def promote_the_better(stage: Stage, cast: Cast) -> None:
    """A strictly better version takes the alias."""
    assert cast.challengers is not None
    run = cast.runs[cast.challengers.better.planned.name]
    version = register(stage, cast, run, claimed=run.accuracy)
    story = cast.versions[version["version"]]
    _promote(stage, story)
    stage.narrator.claim(
        f"{_score(story):.3f} is strictly better than {_score(cast.versions[1]):.3f}",
        holds=_score(story) > _score(cast.versions[1]),
        seen=(story, cast.versions[1]),
    )
    cast.versions[1].fates.append(f"beaten by {story.version}")


def holder(stage: Stage) -> int | None:
    """The version that holds the alias now."""
    with stage.client as client:
        aliases = client.get(url_path("models", MODEL, "aliases"))["aliases"]
    return next((alias["version"] for alias in aliases if alias["alias"] == ALIAS), None)


def _hold(stage: Stage, story: VersionStory) -> None:
    before = holder(stage)
    held = stage.assay("promote", MODEL, str(story.version), "--wait", expect=1)
    story.exact_score = _verdict(stage, story.version)
    with stage.client as client:
        proposal = client.post(
            f"{url_path('models', MODEL)}/promotion-preview", {"version": story.version}
        )
    stage.narrator.claim(
        f"version {story.version} passes the exam, is not strictly better, and is held",
        holds=proposal["codes"] == ["not_strictly_better"] and holder(stage) == before,
        seen=(held.output, proposal),
    )
    story.fates.append("held")


def _promote(stage: Stage, story: VersionStory) -> None:
    promoted = stage.assay("promote", MODEL, str(story.version), "--wait")
    story.exact_score = _verdict(stage, story.version)
    stage.narrator.claim(
        f"examined by the gate runner and promoted: {MODEL}@{ALIAS} is version {story.version}",
        holds=holder(stage) == story.version,
        seen=promoted.output,
    )
    story.fates.append("promoted")


def _verdict(stage: Stage, version: int) -> Fraction:
    """The score of the one verdict that the version has; it has to come from the gate runner."""
    with stage.client as client:
        path = url_path("models", MODEL, "versions", version)
        verdicts = client.get(f"{path}/verdicts")["verdicts"]
        version_digest = client.get(path)["artifact_digest"]
    seen = [(one["outcome"], one["artifact_digest"], one["runner"]) for one in verdicts]
    if seen != [("pass", version_digest, RUNNER)]:
        what = f"version {version} has one verdict, a pass for its bytes by {RUNNER}"
        stage.narrator.claim(what, holds=False, seen=seen)
    return Fraction(verdicts[0]["score"])


def _queued(stage: Stage, version: int) -> bool:
    with stage.client as client:
        waiting = client.get("/gate-runs", model=MODEL, version=version)["gate_runs"]
    return [run["state"] for run in waiting] == ["queued"]


def _score(story: VersionStory) -> float:
    assert story.exact_score is not None
    return float(story.exact_score)
