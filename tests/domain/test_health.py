"""Detectors say what a run's metrics show, with the numbers, and are silent about a sound run."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.health import (
    DEFAULT_THRESHOLDS,
    WINDOW_POINTS,
    Detector,
    Ends,
    Finding,
    Window,
    examine,
    with_thresholds,
)
from assay.domain.rl_keys import Family, family_of

Curve = Callable[[float], float]


def ends(curve: Curve, count: int = 100) -> Ends:
    """A series of `count` points whose value at step s is `curve(s / count)`."""
    values = [curve(step / count) for step in range(count)]
    first = Window(range(WINDOW_POINTS), values[:WINDOW_POINTS])
    last = Window(range(count - WINDOW_POINTS, count), values[-WINDOW_POINTS:])
    return Ends(first, last)


def evals(*values: float) -> Ends:
    """Held-out evaluations, one every ten steps."""
    return Ends(Window((), ()), Window(range(0, 10 * len(values), 10), values))


def found(**series: Ends) -> list[Detector]:
    return [finding.detector for finding in examine(series)]


def only(series: dict[str, Ends]) -> Finding:
    (finding,) = examine(series)
    return finding


@pytest.mark.parametrize(
    ("key", "family"),
    [
        ("reward", Family.REWARD),
        ("train/reward", Family.REWARD),
        ("critic/score/mean", Family.REWARD),
        ("reward_std", Family.REWARD_SPREAD),
        ("train/frac_reward_zero_std", Family.ZERO_SPREAD_SHARE),
        ("baseline_reward/pct_mixed", Family.MIXED_SHARE),
        ("kl", Family.KL),
        ("objective/kl", Family.SEQUENCE_KL),
        ("actor/ppo_kl", Family.KL),
        ("mismatch_kl/all/mean", Family.KL),
        ("gen_kl_error", Family.KL_ERROR),
        ("actor/entropy", Family.ENTROPY),
        ("approx_entropy", Family.ENTROPY),
        ("entropy/all/mean", Family.ENTROPY),
        ("completions/mean_length", Family.LENGTH),
        ("response_length/mean", Family.LENGTH),
        ("completions/clipped_ratio", Family.TRUNCATED_SHARE),
        ("train/loss", Family.LOSS),
        ("grad_norm", Family.LOSS),
        ("eval/mmlu_accuracy", Family.HELD_OUT_SCORE),
        ("eval_reward", Family.HELD_OUT_SCORE),
        ("val-core/gsm8k/reward/mean@4", Family.HELD_OUT_SCORE),
        ("eval_loss", Family.HELD_OUT_LOSS),
        ("eval/runtime", None),
        ("learning_rate", None),
        ("system/gpu/0/utilisation", None),
    ],
)
def test_the_keys_of_the_trainers_are_known(key: str, family: Family | None) -> None:
    """What TRL, verl, NeMo-RL and prime-rl log is recognised as it is; other keys are let be."""
    assert family_of(key) is family


def test_a_sound_run_has_no_findings() -> None:
    """Entropy that falls slowly, KL that grows a little, rewards that vary: nothing is said."""
    assert (
        examine(
            {
                "entropy": ends(lambda t: 1.0 - 0.5 * t),
                "kl": ends(lambda t: 0.02 + 0.05 * t),
                "reward": ends(lambda t: 0.2 + 0.6 * t),
                "reward_std": ends(lambda t: 0.3 - 0.1 * t),
                "completions/mean_length": ends(lambda t: 200 + 100 * t),
                "completions/clipped_ratio": ends(lambda _: 0.02),
                "loss": ends(lambda t: 1 - t),
                "eval/accuracy": evals(0.5, 0.55, 0.6, 0.59, 0.62),
            }
        )
        == ()
    )


def test_entropy_that_collapses_is_found_with_its_numbers() -> None:
    """From 1 to a tenth: the window, the values and the limit are in the finding."""
    finding = only({"actor/entropy": ends(lambda t: 1.0 if t < 0.5 else 0.1)})

    assert (finding.detector, finding.key) == (Detector.ENTROPY_COLLAPSE, "actor/entropy")
    assert (finding.first_step, finding.last_step) == (80, 99)
    assert finding.numbers == {"first": 1.0, "last": 0.1, "limit": 0.2}
    assert "from 1 to 0.1" in finding.message


def test_kl_that_explodes_is_found() -> None:
    """Ten times its beginning, or ten times the floor where it began near zero."""
    assert found(kl=ends(lambda t: 0.001 + t**3)) == [Detector.KL_EXPLOSION]
    assert found(kl=ends(lambda t: 0.001 + 0.4 * t**3)) == []
    assert found(**{"objective/kl": ends(lambda t: t**3)}) == []
    assert found(**{"objective/kl": ends(lambda t: 90 * t**3)}) == [Detector.KL_EXPLOSION]


def test_a_sampler_that_disagrees_with_the_trainer_is_found() -> None:
    """Errors between their log-probabilities stay below a thousandth in a sound run."""
    assert found(gen_kl_error=ends(lambda _: 0.0005)) == []
    assert found(gen_kl_error=ends(lambda _: 0.002)) == [Detector.KL_EXPLOSION]


@pytest.mark.parametrize(
    ("key", "gone", "sound"),
    [
        ("reward_std", 0.0, 0.1),
        ("frac_reward_zero_std", 1.0, 0.5),
        ("baseline_reward/pct_mixed", 0.0, 0.4),
    ],
)
def test_rewards_without_spread_are_found(key: str, gone: float, sound: float) -> None:
    """Only when the whole window is so: one lucky group is a signal."""
    assert found(**{key: ends(lambda _: gone)}) == [Detector.REWARD_SPREAD_ZERO]
    assert found(**{key: ends(lambda t: sound if t == 0.9 else gone)}) == []


def test_a_reward_that_rises_while_a_held_out_eval_falls_is_found() -> None:
    """The finding reaches from the best evaluation to the last and holds all four numbers."""
    rising = ends(lambda t: 0.2 + t)
    finding = only({"reward": rising, "eval/accuracy": evals(0.5, 0.6, 0.5, 0.4, 0.4)})

    assert finding.detector is Detector.REWARD_UP_EVAL_DOWN
    assert (finding.key, finding.first_step, finding.last_step) == ("eval/accuracy", 10, 40)
    assert finding.numbers["eval_best"] == 0.6
    assert finding.numbers["eval_last"] == pytest.approx(0.4)
    assert found(reward=ends(lambda _: 0.2), **{"eval/accuracy": evals(0.6, 0.5, 0.4)}) == []
    assert found(reward=rising, eval_loss=evals(1.0, 0.9, 1.2, 1.3)) == [
        Detector.REWARD_UP_EVAL_DOWN
    ]


def test_completions_that_blow_up_are_found() -> None:
    """Twice as long as at the beginning, or half of them cut off."""
    assert found(**{"response_length/mean": ends(lambda t: 100 + 300 * t)}) == [
        Detector.LENGTH_BLOW_UP
    ]
    assert found(**{"completions/clipped_ratio": ends(lambda _: 0.7)}) == [Detector.LENGTH_BLOW_UP]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_found_at_once(value: float) -> None:
    """Even in a series that is too short to compare."""
    short = Ends(Window((), ()), Window((1, 2, 3), (0.5, value, value)))
    finding = only({"train/loss": short})

    assert finding.detector is Detector.NOT_A_NUMBER
    assert (finding.first_step, finding.last_step) == (2, 3)
    assert finding.numbers == {"points": 2.0}


def test_short_series_are_not_compared() -> None:
    """Before there are two windows of points nothing is said of a course."""
    short = Ends(Window((), ()), Window(range(5), (1.0, 0.5, 0.2, 0.05, 0.0)))
    assert found(entropy=short, kl=short, **{"completions/mean_length": short}) == []


def test_thresholds_can_be_set_and_are_checked() -> None:
    """What is not named keeps its default; names and values are checked, naming the field."""
    stricter = with_thresholds({"entropy_ratio": 0.6})
    series = {"entropy": ends(lambda t: 1.0 - 0.6 * t)}

    assert stricter.kl_factor == DEFAULT_THRESHOLDS.kl_factor
    assert examine(series) == ()
    assert [finding.detector for finding in examine(series, stricter)] == [
        Detector.ENTROPY_COLLAPSE
    ]
    for name, value in (
        ("entropy", 1),
        ("kl_floor", 0),
        ("kl_floor", True),
        ("kl_floor", math.nan),
    ):
        with pytest.raises(InvalidArgument) as refused:
            with_thresholds({name: value})
        assert refused.value.field == name


@given(
    st.dictionaries(
        st.sampled_from(["reward", "kl", "entropy", "eval/accuracy", "loss", "completion_length"]),
        st.lists(st.floats(), min_size=0, max_size=60),
    )
)
def test_any_numbers_can_be_examined(series: dict[str, list[float]]) -> None:
    """NaN, infinities, huge and tiny values: findings or none, never an error."""
    given_ends = {
        key: Ends(
            Window(range(len(values[:20])), values[:20]),
            Window(range(len(values[20:])), values[20:]),
        )
        for key, values in series.items()
    }
    for finding in examine(given_ends):
        assert finding.first_step <= finding.last_step
        assert finding.message
