"""The verification report: what the source has and what Assay has, counted and hashed side by side."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

SECTIONS: Final = (
    *("experiments", "runs", "params", "tags", "inputs", "series", "points", "logged models"),
    "logged model metrics",
    *("files", "models", "versions", "version files", "aliases", "deleted"),
)
MAX_SENTENCES: Final = 1_000
_ROOM: Final = 1 << 256


@dataclass(slots=True)
class Side:
    """A number of things, and a digest of them all that does not depend on their order."""

    count: int = 0
    total: int = 0

    def add(self, item: object, weight: int = 1) -> None:
        """Count one more thing, of `weight`."""
        text = json.dumps(item, ensure_ascii=True, separators=(",", ":"))
        self.count += weight
        digest = hashlib.sha256(text.encode()).digest()
        self.total = (self.total + int.from_bytes(digest)) % _ROOM

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return f"{self.total:064x}"


@dataclass(slots=True)
class Section:
    """One kind of thing on both sides."""

    source: Side = field(default_factory=Side)
    assay: Side = field(default_factory=Side)

    @property
    def is_equal(self) -> bool:
        """Whether both sides have the same things."""
        return self.source == self.assay


class Report:
    """Counts, digests and sentences. Safe to use from several threads."""

    def __init__(self, sections: Iterable[str] = SECTIONS) -> None:
        self.sections: dict[str, Section] = {name: Section() for name in sections}
        self.changed: list[str] = []
        self.missing: list[str] = []
        self.bytes_sent = 0
        self.points_sent = 0
        self._lock = threading.Lock()

    @property
    def is_equal(self) -> bool:
        """Whether Assay has all that the source has, and nothing had to stay behind."""
        return not self.missing and all(section.is_equal for section in self.sections.values())

    def expect(self, section: str, item: object, weight: int = 1) -> None:
        """The source has this."""
        with self._lock:
            self.sections[section].source.add(item, weight)

    def find(self, section: str, item: object, weight: int = 1) -> None:
        """Assay has this."""
        with self._lock:
            self.sections[section].assay.add(item, weight)

    def compare(self, section: str, expected: Iterable[Any], found: Iterable[Any]) -> None:
        """The source has these, Assay has those."""
        for item in expected:
            self.expect(section, item)
        for item in found:
            self.find(section, item)

    def note_change(self, sentence: str) -> None:
        """Something arrives otherwise than it was, because Assay's limits are narrower."""
        self._say(self.changed, sentence)

    def note_missing(self, sentence: str) -> None:
        """Something does not arrive."""
        self._say(self.missing, sentence)

    def note_sent(self, *, points: int = 0, size_bytes: int = 0) -> None:
        """So much went over the wire."""
        with self._lock:
            self.points_sent += points
            self.bytes_sent += size_bytes

    def _say(self, sentences: list[str], sentence: str) -> None:
        with self._lock:
            if len(sentences) < MAX_SENTENCES:
                sentences.append(sentence)
            elif len(sentences) == MAX_SENTENCES:
                sentences.append("… and more of this kind.")

    def as_record(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "equal": self.is_equal,
            "sections": {
                name: {
                    "source": {"count": section.source.count, "digest": section.source.digest},
                    "assay": {"count": section.assay.count, "digest": section.assay.digest},
                    "equal": section.is_equal,
                }
                for name, section in self.sections.items()
            },
            "changed": list(self.changed),
            "missing": list(self.missing),
            "points_sent": self.points_sent,
            "bytes_sent": self.bytes_sent,
        }
