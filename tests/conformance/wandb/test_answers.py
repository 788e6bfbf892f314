"""Every answer to the client's own requests has what it falls over without."""

import copy
from typing import Any

import pytest

from tests.conformance.wandb.answers import NEEDED, faults, leaves
from tests.conformance.wandb.conftest import run_script
from tests.support.front import Exchange, Front
from tests.support.server import LiveServer

pytestmark = pytest.mark.slow
"""What every other script here is answered is checked too, by `run_script`."""


@pytest.fixture(scope="module")
def answers(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the server answered while runs and artifacts were written and read."""
    folder = tmp_path_factory.mktemp("answers")
    with Front(server.url) as front:
        for script in ("whole_life", "artifacts"):
            (folder / script).mkdir()
            run_script(script, front.url, folder / script, f"answers-{script}")
    return [told for each in front.exchanges if (told := _data(each)) is not None]


def _data(exchange: Exchange) -> dict[str, Any] | None:
    if exchange.answer is None or exchange.answer.get("errors"):
        return None
    data: dict[str, Any] = exchange.answer["data"]
    return data


def without(data: Any, place: list[str]) -> Any:
    """An answer in which everything at a place is null."""
    if isinstance(data, list):
        return [without(item, place) for item in data]
    if not isinstance(data, dict) or place[0] not in data:
        return data
    name, rest = place[0], place[1:]
    return {**data, name: None if not rest else without(data[name], rest)}


def test_no_answer_lacks_what_the_client_asked_for(answers: list[dict[str, Any]]) -> None:
    """Of hundreds of answers none has a null or another type where the client cannot bear it."""
    assert len(answers) > 100
    assert [fault for data in answers for fault in faults(data)] == []


@pytest.mark.parametrize("place", NEEDED)
def test_what_the_client_falls_over_without_is_there(
    answers: list[dict[str, Any]], place: str
) -> None:
    """The field was answered, and the check that guards every other test sees it when it is not."""
    having = [
        data
        for data in answers
        if any(where == place and value is not None for where, value in leaves(data))
    ]
    assert having != []
    names = [part.removesuffix("[]") for part in place.split(".")]
    data = copy.deepcopy(having[0])
    assert f"{place} is null" in faults(without(data, names))
