"""Handing out points: each once, to whoever is alive to run it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from assay.domain.access import Role
from assay.domain.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.domain.sweep import SweepState
from assay.services import sweep_search
from assay.services.client_runs import PATIENCE_MS, Change, ClientRuns
from assay.services.sweeps import LEASE_MS, Orders, Standing, Sweeps
from tests.support.platform import a_context, an_actor
from tests.support.tracking import Tracking

GRID = {"method": "grid", "parameters": {"a": {"values": [1, 2, 3]}}}
BAYES = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": -10.0, "max": 10.0}, "kind": {"values": ["a", "b"]}},
}


@dataclass
class Floor:
    """A sweep, agents at work on it, and what they were told."""

    tracking: Tracking
    config: dict[str, Any] = field(default_factory=lambda: GRID)

    def __post_init__(self) -> None:
        self.sweeps = Sweeps(self.tracking.platform)
        self.runs = ClientRuns(self.tracking.platform, self.tracking.runs, self.tracking.ledger)
        self.made = self.sweeps.create(self.tracking.context, "p", yaml.dump(self.config))

    @property
    def context(self) -> Any:
        return a_context(now_ms=self.tracking.clock.now)

    def agent(self) -> int:
        return self.sweeps.register(self.context, "p", self.made.sweep.name, "host").pk

    def beat(self, agent: int, *running: str) -> Orders:
        return self.sweeps.heartbeat(self.context, agent, running)

    def log(self, name: str, state: str = "running", summary: str = "{}") -> None:
        self.runs.upsert(self.context, "p", name, Change(state=state, summary=summary))

    def work(self, agent: int, loss: str = "0") -> Orders:
        """One point from the order to the end of its run."""
        orders = self.beat(agent)
        if orders.args is not None:
            self.log(orders.run_name, "finished", f'{{"loss": {loss}}}')
        return orders

    def standing(self) -> Standing:
        return self.sweeps.get(self.context, "p", self.made.sweep.name)

    def change(self, state: SweepState) -> None:
        self.sweeps.change(self.context, self.made.sweep.pk, state=state)


@pytest.fixture
def floor(tracking: Tracking) -> Floor:
    return Floor(tracking)


def test_every_point_is_given_once_and_then_agents_leave(floor: Floor) -> None:
    """The last to report ends the sweep."""
    one, two = floor.agent(), floor.agent()
    told = [floor.work(agent) for agent in (one, two, one)]

    assert [orders.args for orders in told] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert floor.beat(two).leaves
    assert floor.beat(one).leaves
    assert floor.standing().sweep.state is SweepState.FINISHED
    assert floor.standing().run_count == 3


def test_an_agent_at_work_is_given_nothing_more(floor: Floor) -> None:
    """One run at a time, however often it reports."""
    agent = floor.agent()
    orders = floor.beat(agent)

    assert floor.beat(agent, orders.run_name) == Orders()
    assert floor.beat(agent, orders.run_name) == Orders()


def test_an_order_that_was_lost_on_its_way_is_given_again(floor: Floor) -> None:
    """The same run, once more; an agent that never says a word of it has done it."""
    agent = floor.agent()
    first = floor.beat(agent)
    again = floor.beat(agent)

    assert (again.run_name, again.args) == (first.run_name, first.args)
    assert floor.beat(agent).args == {"a": 2}


def test_a_point_of_a_dead_agent_goes_to_another(floor: Floor) -> None:
    """After the lease, as a new run; the sweep is not over before it ran."""
    dead, alive = floor.agent(), floor.agent()
    lost = floor.beat(dead)
    floor.beat(dead, lost.run_name)
    for _ in range(2):
        floor.work(alive)
    assert floor.beat(alive).leaves
    assert floor.standing().sweep.state is SweepState.RUNNING

    floor.tracking.clock.advance(LEASE_MS + 1)
    orders = floor.work(floor.agent())

    assert orders.args == {"a": 1}
    assert orders.run_name != lost.run_name


def test_a_run_that_logs_keeps_its_point_while_its_agent_is_silent(floor: Floor) -> None:
    """Nothing is run twice because a heartbeat was late."""
    silent, other = floor.agent(), floor.agent()
    orders = floor.beat(silent)
    floor.tracking.clock.advance(LEASE_MS + 1)
    floor.log(orders.run_name)

    assert [floor.work(other).args for _ in range(2)] == [{"a": 2}, {"a": 3}]
    assert floor.beat(other).leaves
    floor.tracking.clock.advance(PATIENCE_MS + 1)
    assert floor.beat(floor.agent()).args == {"a": 1}


def test_a_failed_run_has_had_its_turn(floor: Floor) -> None:
    """A grid is enumerated, not repaired: what failed stays failed."""
    agent = floor.agent()
    orders = floor.beat(agent)
    floor.log(orders.run_name, "failed")

    assert floor.beat(agent).args == {"a": 2}


def test_a_paused_sweep_hands_out_nothing_until_it_goes_on(floor: Floor) -> None:
    """Agents wait; they do not leave."""
    agent = floor.agent()
    floor.change(SweepState.PAUSED)
    assert floor.beat(agent) == Orders()

    floor.change(SweepState.RUNNING)
    assert floor.beat(agent).args == {"a": 1}


def test_a_stopped_sweep_lets_runs_end_and_a_canceled_one_does_not(floor: Floor) -> None:
    """Stopped: agents leave after their run. Canceled: at once."""
    agent = floor.agent()
    orders = floor.beat(agent)
    floor.change(SweepState.FINISHED)
    assert floor.beat(agent, orders.run_name) == Orders()
    assert floor.beat(agent).leaves

    floor.change(SweepState.RUNNING)
    orders = floor.beat(agent)
    floor.change(SweepState.CANCELED)
    assert floor.beat(agent, orders.run_name).leaves


def test_a_sweep_that_is_over_is_not_paused(floor: Floor) -> None:
    """It may be taken up again."""
    floor.change(SweepState.CANCELED)

    with pytest.raises(FailedPrecondition):
        floor.change(SweepState.PAUSED)
    floor.change(SweepState.RUNNING)
    assert floor.standing().sweep.state is SweepState.RUNNING


def test_a_config_stays_once_runs_have_begun(floor: Floor) -> None:
    """Before that it may be replaced."""
    other = yaml.dump({**GRID, "parameters": {"a": {"values": [9]}}})
    changed = floor.sweeps.change(floor.context, floor.made.sweep.pk, config=other)
    assert changed.plan.size == 1

    floor.beat(floor.agent())
    with pytest.raises(FailedPrecondition):
        floor.sweeps.change(floor.context, floor.made.sweep.pk, config=yaml.dump(GRID))


def test_a_bayes_sweep_closes_in_on_the_best(tracking: Tracking) -> None:
    """The last third of its points is nearer to the minimum of (x - 3)² than its random start."""
    floor = Floor(tracking, BAYES)
    agent = floor.agent()
    distances = []
    for _ in range(24):
        orders = floor.beat(agent)
        assert orders.args is not None
        distances.append(abs(orders.args["x"] - 3))
        loss = (orders.args["x"] - 3) ** 2 + (orders.args["kind"] == "b")
        floor.log(orders.run_name, "finished", f'{{"loss": {loss}}}')

    assert sum(distances[-8:]) < sum(distances[:8])
    best = floor.standing().best
    assert best is not None
    assert best < 2


def test_bayes_without_its_optimizer_says_what_to_install(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal comes when the sweep is made, and names the extra."""
    monkeypatch.setattr(sweep_search.importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(FailedPrecondition, match=r"pip install 'assay\[sweeps\]'"):
        Floor(tracking, BAYES)
    Floor(tracking)


def test_sweeps_need_the_right_to_track(floor: Floor) -> None:
    """A viewer sees a sweep, and neither makes nor works on one."""
    viewer = a_context(an_actor("reader", Role.VIEWER))
    name = floor.made.sweep.name

    assert floor.sweeps.get(viewer, "p", name).sweep.name == name
    with pytest.raises(PermissionDenied):
        floor.sweeps.create(viewer, "p", yaml.dump(GRID))
    with pytest.raises(PermissionDenied):
        floor.sweeps.register(viewer, "p", name, "host")
    with pytest.raises(PermissionDenied):
        floor.sweeps.heartbeat(viewer, floor.agent(), ())


def test_what_is_not_there_is_not_found(floor: Floor) -> None:
    """Neither sweeps of other projects nor agents of none."""
    with pytest.raises(NotFound):
        floor.sweeps.get(floor.context, "p", "nope")
    with pytest.raises(NotFound):
        floor.sweeps.heartbeat(floor.context, 10**12, ())
    with pytest.raises(InvalidArgument):
        floor.sweeps.create(floor.context, "p", "method: grid\n")
