"""Names for runs that were given none: easy to say, hard to mistake for one another."""

from __future__ import annotations

from typing import Final

RUN_NAME_TAG: Final = "mlflow.runName"
"""MLflow's tag for a run's name: an answer's view of it, kept nowhere else."""

_ADJECTIVES: Final = (
    "amber", "ancient", "apt", "balanced", "bold", "brave", "bright", "brisk", "calm", "candid",
    "careful", "clear", "clever", "cobalt", "cosmic", "crisp", "curious", "daring", "deft",
    "eager", "early", "earnest", "fair", "fleet", "frank", "gentle", "glad", "golden", "grand",
    "hardy", "honest", "humble", "ivory", "jolly", "keen", "kind", "lively", "loyal", "lucid",
    "mellow", "merry", "mighty", "modest", "nimble", "noble", "patient", "placid", "polite",
    "proud", "quick", "quiet", "rapid", "ready", "robust", "rustic", "serene", "sharp", "silent",
    "silver", "sober", "steady", "sturdy", "subtle", "swift",
)  # fmt: skip
_NOUNS: Final = (
    "alder", "anchor", "arrow", "badger", "beacon", "birch", "bison", "brook", "canyon", "cedar",
    "cliff", "comet", "coral", "crane", "delta", "dune", "eagle", "elm", "ember", "falcon",
    "fern", "finch", "fjord", "forge", "fox", "garnet", "glacier", "grove", "harbor", "hawk",
    "heron", "island", "jasper", "kestrel", "lagoon", "lantern", "lark", "lynx", "maple", "marten",
    "meadow", "mesa", "moose", "oak", "onyx", "orchard", "osprey", "otter", "owl", "pebble",
    "pine", "plover", "prairie", "quartz", "raven", "reef", "river", "sable", "shoal", "sparrow",
    "spruce", "summit", "tern", "willow",
)  # fmt: skip


def generate_run_name(random_hex: str) -> str:
    """`adjective-noun-number`, the same for the same digits; 8 random hex digits are used."""
    number = int(random_hex[:8], 16)
    number, adjective = divmod(number, len(_ADJECTIVES))
    number, noun = divmod(number, len(_NOUNS))
    return f"{_ADJECTIVES[adjective]}-{_NOUNS[noun]}-{number % 1000}"
