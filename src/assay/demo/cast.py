"""Who appears in the story: the runs with what they scored, the versions with what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from assay.demo.suites import SuiteFolders
from assay.demo.sweep import Challengers, FirstRoles, RunResult
from assay.demo.workshop import Materials

MODEL = "digits"
GATE = "digits-exam"
ADAPTER = "adapter"
"""The folder of a run that holds what is registered."""


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A run of the sweep: where it is, which client recorded it, and what its trainer counted."""

    run_id: str
    client: str
    result: RunResult

    @property
    def name(self) -> str:
        """The run's name."""
        return self.result.planned.name

    @property
    def accuracy(self) -> float:
        """Its accuracy on the suite that ranks."""
        return float(self.result.scanner.value)


@dataclass(slots=True)
class VersionStory:
    """A registered version for the closing table: what it claimed, what the gate found, its fate."""

    version: int
    run: TrainedRun
    claimed: float
    exact_score: Fraction | None = None
    fates: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Cast:
    """Everybody, as far as the story has come."""

    materials: Materials
    suites: SuiteFolders
    ranking_suite: str
    easy_suite: str
    exam_suite: str
    commit: str
    runs: dict[str, TrainedRun] = field(default_factory=dict)
    roles: FirstRoles | None = None
    twin: TrainedRun | None = None
    challengers: Challengers | None = None
    versions: dict[int, VersionStory] = field(default_factory=dict)

    @property
    def champion(self) -> TrainedRun:
        """The first wave's best run."""
        assert self.roles is not None
        return self.runs[self.roles.champion.planned.name]

    @property
    def flattered(self) -> TrainedRun:
        """The run whose suite is easier."""
        assert self.roles is not None
        return self.runs[self.roles.flattered.planned.name]
