"""Sweeps of the unmodified client, each with agents in processes of their own."""

from itertools import product
from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import Script, run_script
from tests.support.server import LiveServer


def test_two_agents_run_every_point_of_a_grid_once(script: Script) -> None:
    """Six points, six runs: none twice, none left out; then the sweep is over and the agents leave."""
    found = script("sweep", "grid", "0", "2")

    points = sorted((each["lr"], each["optimizer"]["name"]) for each in found["configs"])
    assert points == sorted(product([0.1, 0.2, 0.3], ["adam", "sgd"]))
    assert {each["seed"] for each in found["configs"]} == {7}
    assert found["states"] == ["finished"] * 6
    assert (found["state"], found["expected"]) == ("FINISHED", 6)
    assert found["best"] == 0.1
    assert sum(found["agents"]) == 6
    assert found["of_run"] == found["id"]
    assert found["sweeps"] == [found["id"]]


def test_an_agent_runs_as_many_random_points_as_it_is_told(script: Script) -> None:
    """Five runs, within the bounds and on the steps of their distributions."""
    found = script("sweep", "random", "5")

    assert len(found["configs"]) == 5
    for each in found["configs"]:
        assert 1e-5 <= each["lr"] <= 1e-2
        assert each["depth"] in {1, 2, 3, 4, 5}
        assert each["drop"] in {0, 0.25, 0.5}
    assert len({each["lr"] for each in found["configs"]}) == 5
    assert (found["state"], found["expected"]) == ("RUNNING", None)


@pytest.mark.slow
def test_a_bayes_sweep_closes_in_on_the_best(script: Script) -> None:
    """The later half of its runs is nearer to the minimum than the random half before."""
    found = script("sweep", "bayes", "20")

    first, later = found["losses"][:8], found["losses"][8:]
    assert sum(later) / len(later) < sum(first) / len(first)
    assert found["best"] == min(found["losses"])
    assert found["best"] < 2


@pytest.mark.slow
def test_the_client_s_commands_make_work_on_pause_and_stop_a_sweep(script: Script) -> None:
    """A file becomes a sweep, agents start its program with flags, and states are set by name."""
    found = script("sweep_command")

    assert found["rates"] == [0.1, 0.2]
    assert found["flags"] == [2, 2]
    assert (found["paused"], found["state"]) == ("PAUSED", "FINISHED")


@pytest.mark.slow
def test_a_grid_runs_on_postgresql(either_server: LiveServer, tmp_path: Path) -> None:
    """The same on both databases."""
    found = run_script("sweep", either_server.url, tmp_path, "grid-pg", "grid", "0", "2")

    assert len(found["configs"]) == 6
    assert found["state"] == "FINISHED"
