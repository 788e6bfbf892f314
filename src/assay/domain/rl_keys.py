"""Which metric keys mean what in reinforcement learning, whatever the trainer calls them.

The names are those that TRL, verl, NeMo-RL and prime-rl log; a prefix such as `train/` is looked past.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from typing import Final


class Family(StrEnum):
    """What a series measures, as far as the detectors care."""

    REWARD = "reward"
    REWARD_SPREAD = "reward_spread"
    ZERO_SPREAD_SHARE = "zero_spread_share"
    MIXED_SHARE = "mixed_share"
    KL = "kl"
    SEQUENCE_KL = "sequence_kl"
    KL_ERROR = "kl_error"
    ENTROPY = "entropy"
    LENGTH = "length"
    TRUNCATED_SHARE = "truncated_share"
    LOSS = "loss"
    HELD_OUT_SCORE = "held_out_score"
    HELD_OUT_LOSS = "held_out_loss"


_PATTERNS: Final[tuple[tuple[Family, tuple[str, ...]], ...]] = (
    (
        Family.ZERO_SPREAD_SHARE,
        ("frac_reward_zero_std", "reward/frac_zero_std", "filtered_reward/frac_zero_std"),
    ),
    (Family.MIXED_SHARE, ("baseline_reward/pct_mixed",)),
    (Family.REWARD_SPREAD, ("reward_std", "reward/std", "*/reward/std", "critic/score/std")),
    (
        Family.REWARD,
        (
            "reward",
            "reward/mean",
            "*/reward/mean",
            "critic/score/mean",
            "critic/rewards/mean",
            "objective/scores",
            "objective/rlhf_reward",
            "rewards/margins",
        ),
    ),
    (Family.SEQUENCE_KL, ("objective/kl",)),
    (Family.KL_ERROR, ("gen_kl_error", "policy_kl_error", "js_divergence_error")),
    (
        Family.KL,
        (
            "kl",
            "approx_kl",
            "policy/approxkl_avg",
            "actor/ppo_kl",
            "actor/kl_loss",
            "actor/reward_kl_penalty",
            "kl_penalty",
            "mismatch_kl/*/mean",
        ),
    ),
    (
        Family.ENTROPY,
        (
            "entropy",
            "actor/entropy",
            "actor/entropy_loss",
            "approx_entropy",
            "entropy/*/mean",
            "policy/entropy_avg",
        ),
    ),
    (
        Family.LENGTH,
        (
            "completion_length",
            "completions/mean_length",
            "response_length/mean",
            "mean_gen_tokens_per_sample",
            "seq_len/*/mean",
        ),
    ),
    (
        Family.TRUNCATED_SHARE,
        (
            "completions/clipped_ratio",
            "response_length/clip_ratio",
            "is_truncated",
            "is_truncated/*/mean",
        ),
    ),
    (
        Family.LOSS,
        (
            "loss",
            "grad_norm",
            "actor/pg_loss",
            "actor/grad_norm",
            "critic/vf_loss",
            "logps/*",
            "policy_loss",
        ),
    ),
)
_ANY: Final = re.compile("|".join(translate(each) for _, some in _PATTERNS for each in some))
_TRAINING: Final = ("train/", "train_", "training/")
_HELD_OUT: Final = ("eval/", "eval_", "val/", "val_", "val-core/", "validation/", "test/", "test_")
_SCORES: Final = (
    "accuracy",
    "acc",
    "score",
    "reward",
    "pass@*",
    "avg@*",
    "mean@*",
    "best@*",
    "exact_match",
    "win_rate",
    "success_rate",
)


@lru_cache(maxsize=20_000)
def family_of(key: str) -> Family | None:
    """What the series under `key` measures; None for what no detector looks at."""
    name = key.lower()
    for prefix in _HELD_OUT:
        if name.startswith(prefix):
            return _held_out(name.removeprefix(prefix))
    for prefix in _TRAINING:
        name = name.removeprefix(prefix)
    # Asked for every key that is new, and nearly all of them are none of these.
    if _ANY.fullmatch(name) is None:
        return None
    for family, patterns in _PATTERNS:
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return family
    return None


def _held_out(name: str) -> Family | None:
    parts = name.replace("/", " ").split()
    if any(part in ("loss", "nll", "perplexity") for part in parts):
        return Family.HELD_OUT_LOSS
    for part in parts:
        words = {part, part.rpartition("_")[2]}
        if any(fnmatchcase(word, pattern) for word in words for pattern in _SCORES):
            return Family.HELD_OUT_SCORE
    return None
