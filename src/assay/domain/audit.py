"""What an audit found: a list of findings, empty for a registry that nobody touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAX_FINDINGS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that an untouched registry cannot show: in which area, where, and what."""

    area: str
    message: str
    seq: int | None = None
    """The number of the ledger event that it is about, if it is about one."""


@dataclass(frozen=True, slots=True)
class Unexamined:
    """An alias that is protected now and that its holder has not earned."""

    workspace: str
    message: str


@dataclass(slots=True)
class AuditReport:
    """What was read, and what was wrong with it. Findings beyond a limit are only counted."""

    events: int = 0
    models: int = 0
    versions: int = 0
    aliases: int = 0
    moves: int = 0
    verdicts: int = 0
    blobs: int = 0
    checkpoints: int = 0
    anchors: int = 0
    head_seq: int = 0
    head_hash: str = ""
    deep: bool = False
    finding_count: int = 0
    findings: list[Finding] = field(default_factory=list)
    anchored: dict[str, int] = field(default_factory=dict)
    """Where checkpoints were kept, and how many events the last one there covers."""
    unexamined: list[Unexamined] = field(default_factory=list)
    """Who holds a protected alias without having passed a gate: no fault of the record, but told."""

    @property
    def is_ok(self) -> bool:
        """Whether nothing was found."""
        return self.finding_count == 0

    def add(self, area: str, message: str, seq: int | None = None) -> None:
        """Note a finding."""
        self.finding_count += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(area, message, seq))
