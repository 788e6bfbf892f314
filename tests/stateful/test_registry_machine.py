"""The registry against a plain model of it: any order of calls, the same answers, a green audit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from assay.domain.errors import FailedPrecondition, GateBlocked
from assay.domain.registry import VersionState
from assay.services.audit import Audit
from assay.storage.database import Database, open_database
from tests.support.databases import PostgresqlCluster
from tests.support.office import ITEM_COUNT, MODEL, Office


@dataclass
class Plain:
    """A version as the model knows it: its standing, and its score per gate version."""

    state: str = "registered"
    scores: dict[int, int] = field(default_factory=dict)


class RegistryMachine(RuleBasedStateMachine):
    """Registers, examines, promotes, rolls back, sets aside, clears, deletes, in any order."""

    versions = Bundle("versions")

    def __init__(self, open_fresh: Callable[[Path], Database]) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="assay-machine-"))
        self.database = open_fresh(self.place)
        self.office = Office(self.place, self.database)
        self.known: dict[int, Plain] = {}
        self.stack: list[int] = []
        self.revision = 0
        self.gate = 0
        self.threshold = 0
        self.suite = ""
        self.staging: int | None = None

    @initialize(threshold=st.integers(0, 5))
    def first_gate(self, threshold: int) -> None:
        """Every office has a suite and a gate."""
        self.suite = self.office.a_suite().fingerprint
        self.change_gate(threshold)

    @rule(threshold=st.integers(0, 6))
    def change_gate(self, threshold: int) -> None:
        """A new gate version: every score so far counts no longer (unless the rules are the same)."""
        # Minutes of patience tell otherwise equal gates apart.
        self.gate += 1
        self.office.a_gate(f"{threshold}/{ITEM_COUNT}", suite=self.suite, timeout_s=self.gate)
        self.threshold = threshold

    @rule(target=versions)
    def register(self) -> int:
        """Numbers count up and are never reused."""
        number = self.office.a_version(f"content {len(self.known)}").version
        assert number == len(self.known) + 1
        self.known[number] = Plain()
        return number

    @rule(version=versions, right=st.integers(0, ITEM_COUNT))
    def examine(self, version: int, right: int) -> None:
        """An exam gives a version its one standing score under the current gate."""
        plain = self.known[version]
        if plain.state == "deleted":
            return
        report = self.office.services.gate_runs.request(self.office.ask(), MODEL, version)
        if report.verdict is not None:
            kept = plain.scores[self.gate]
            assert report.verdict.verdict.score == Fraction(kept, ITEM_COUNT)
            return
        assert self.gate not in plain.scores
        while True:
            lease = self.office.lease()
            examined = self.known[lease.run.version]
            score = right if lease.run.version == version else (lease.run.version * 7) % 11
            self.office.hand_in(lease, score)
            examined.scores[self.gate] = score
            if lease.run.version == version:
                return

    @rule(version=versions)
    def promote(self, version: int) -> None:
        """Promoted exactly when the model says so; a hold changes nothing."""
        plain = self.known[version]
        champion = self.stack[-1] if self.stack else None
        score = plain.scores.get(self.gate)
        held = None if champion is None else self.known[champion].scores.get(self.gate)
        may = (
            plain.state == "registered"
            and version != champion
            and score is not None
            and score >= self.threshold
            and (champion is None or (held is not None and score > held))
        )
        try:
            self.office.services.promotion.promote(
                self.office.ask(), MODEL, version, expected_revision=self.revision
            )
        except GateBlocked:
            assert not may
            return
        assert may
        self.stack.append(version)
        self.revision += 1

    @precondition(lambda self: self.known)
    @rule()
    def roll_back(self) -> None:
        """To the nearest earlier champion that may still serve; what was left is set aside."""
        present = self.stack[-1] if self.stack else None
        usable = [
            index
            for index, version in enumerate(self.stack[:-1])
            if self.known[version].state == "registered" and version != present
        ]
        try:
            move = self.office.services.promotion.rollback(self.office.ask(), MODEL)
        except FailedPrecondition:
            assert not usable
            return
        assert present is not None
        assert move.to_version == self.stack[usable[-1]]
        self.known[present].state = "quarantined"
        del self.stack[usable[-1] + 1 :]
        self.revision += 1

    @rule(version=versions)
    def quarantine(self, version: int) -> None:
        """The champion is never set aside behind its back."""
        plain = self.known[version]
        if plain.state == "deleted":
            return
        try:
            self.office.services.versions.quarantine(self.office.ask(), MODEL, version, "odd")
        except FailedPrecondition:
            assert self.stack[-1:] == [version]
            return
        assert self.stack[-1:] != [version]
        plain.state = "quarantined"

    @rule(version=versions)
    def clear(self, version: int) -> None:
        """Only what was set aside is cleared."""
        plain = self.known[version]
        if plain.state == "deleted":
            return
        try:
            self.office.services.versions.clear(self.office.ask(), MODEL, version, "fine")
        except FailedPrecondition:
            assert plain.state == "registered"
            return
        assert plain.state == "quarantined"
        plain.state = "registered"

    @rule(target=versions, version=consumes(versions))
    def delete(self, version: int) -> object:
        """Never what an alias holds or a rollback could return to."""
        plain = self.known[version]
        if plain.state == "deleted":
            return multiple()
        needed = version in self.stack or version == self.staging
        try:
            self.office.services.versions.delete_version(self.office.ask(), MODEL, version)
        except FailedPrecondition:
            assert needed
            return version
        assert not needed
        plain.state = "deleted"
        return multiple()

    @rule(version=versions)
    def point_staging(self, version: int) -> None:
        """A free alias asks no gate."""
        if self.known[version].state == "deleted":
            return
        self.office.services.aliases.set_alias(self.office.ask(), MODEL, "staging", version)
        self.staging = version

    @precondition(lambda self: self.known)
    @rule()
    def remove_staging(self) -> None:
        """A free alias may name nothing."""
        self.office.services.aliases.remove_alias(self.office.ask(), MODEL, "staging")
        self.staging = None

    @invariant()
    def the_registry_says_what_the_model_says(self) -> None:
        """Holder, revision and every version's standing."""
        if not self.known:
            return
        office = self.office
        assert office.holder() == (self.stack[-1] if self.stack else None)
        assert office.holder("staging") == self.staging
        assert office.services.aliases.revision(office.ask(), MODEL, "production") == self.revision
        page = office.services.versions.search_versions(office.ask(), max_results=1_000)
        found = {version.version: version.state for version in page.items}
        told = {
            number: VersionState(plain.state)
            for number, plain in self.known.items()
            if plain.state != "deleted"
        }
        assert found == told

    def teardown(self) -> None:
        """At the end of every story the audit is green."""
        try:
            report = Audit.verify(self.database, self.office.platform.blobs, deep=True)
            assert report.findings == []
        finally:
            self.database.close()
            shutil.rmtree(self.place)


def run(open_fresh: Callable[[Path], Database], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: RegistryMachine(open_fresh),
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None),
    )


@pytest.fixture
def fresh_sqlite(sqlite_template: Path) -> Callable[[Path], Database]:
    """Opens a migrated copy in the folder of a story."""

    def open_fresh(place: Path) -> Database:
        shutil.copyfile(sqlite_template, place / "assay.db")
        return open_database(place / "assay.db")

    return open_fresh


def test_any_story_on_sqlite(fresh_sqlite: Callable[[Path], Database]) -> None:
    """A few short stories, every time."""
    run(fresh_sqlite, examples=12, steps=25)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_many_long_stories_on_sqlite(fresh_sqlite: Callable[[Path], Database]) -> None:
    """Many stories, longer ones."""
    run(fresh_sqlite, examples=200, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_many_stories_on_postgresql(
    postgresql_cluster: PostgresqlCluster, postgresql_template: str
) -> None:
    """The same stories on the other engine."""
    names: list[str] = []

    def open_fresh(_place: Path) -> Database:
        names.append(postgresql_cluster.create(postgresql_template))
        return open_database(postgresql_cluster.url(names[-1]))

    try:
        run(open_fresh, examples=40, steps=40)
    finally:
        for name in names:
            postgresql_cluster.drop(name)
