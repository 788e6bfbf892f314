"""What belongs to closure, put together: the checks, their schedule, and their part in a promotion."""

from __future__ import annotations

from dataclasses import dataclass, field

from assay.closure.reach import Reach
from assay.services.closure import Closures
from assay.services.closure_promotion import ClosureAtPromotion
from assay.services.closure_schedule import EVERY_S, ClosureSchedule
from assay.services.ledger import Ledger
from assay.services.platform import Platform


@dataclass(frozen=True, slots=True)
class ClosingSettings:
    """What the server may reach, and how often it looks (0: only when it is asked)."""

    reach: Reach = field(default_factory=Reach)
    every_s: float = EVERY_S


@dataclass(frozen=True, slots=True)
class Closing:
    """Closure, as the faces and the promotion use it."""

    checks: Closures
    schedule: ClosureSchedule
    at_promotion: ClosureAtPromotion


def build_closing(platform: Platform, ledger: Ledger, settings: ClosingSettings) -> Closing:
    """All of it on one platform."""
    checks = Closures(platform, ledger, settings.reach)
    return Closing(
        checks=checks,
        schedule=ClosureSchedule(platform, checks, every_s=settings.every_s),
        at_promotion=ClosureAtPromotion(platform, checks),
    )
