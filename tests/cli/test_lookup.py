"""What people type: starts of run ids, names of experiments, references to versions."""

from __future__ import annotations

import pytest

from assay.cli.lookup import ModelReference, find_experiment, parse_reference, run_id_of
from assay.domain.errors import InvalidArgument, NotFound
from assay.sdk.client import Client
from tests.cli.scenes import add_run


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("bot", ModelReference("bot")),
        ("bot/3", ModelReference("bot", version=3)),
        ("bot@production", ModelReference("bot", alias="production")),
        ("models:/bot/3", ModelReference("bot", version=3)),
        ("models:/bot@production", ModelReference("bot", alias="production")),
        ("me@home/2", ModelReference("me@home", version=2)),
    ],
)
def test_a_reference_names_a_model_a_version_or_an_alias(
    text: str, reference: ModelReference
) -> None:
    """NAME, NAME/VERSION and NAME@ALIAS, as MLflow's addresses write them too."""
    assert parse_reference(text) == reference


@pytest.mark.parametrize("text", ["", "bot/", "bot/0", "bot/x", "bot@", "@production", "a/b/1"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    """A reference that names nothing is not guessed at."""
    with pytest.raises(InvalidArgument):
        parse_reference(text)


@pytest.mark.parametrize("reference", ["bot", "bot/3", "bot@production"])
def test_a_reference_prints_as_it_is_typed(reference: str) -> None:
    """What a message calls a version can be typed again."""
    assert str(parse_reference(reference)) == reference


def test_a_run_is_found_by_the_start_of_its_id(client: Client) -> None:
    """Four characters are enough where no other run begins with them."""
    run_id = add_run(client)

    assert run_id_of(client, run_id[:8]) == run_id


def test_a_run_is_found_by_an_id_that_its_client_chose(client: Client) -> None:
    """Ids need not be ours."""
    made = client.post(
        "/runs", {"experiment": "sweep", "run_id": f"own_{client.connection.workspace}"}
    )

    assert run_id_of(client, made["run_id"]) == made["run_id"]


def test_an_underscore_stands_for_itself_alone(client: Client) -> None:
    """The search's wildcard does not make another run's id match."""
    name = client.connection.workspace
    client.post("/runs", {"experiment": "sweep", "run_id": f"a-b-{name}"})

    with pytest.raises(NotFound, match="assay runs list"):
        run_id_of(client, f"a_b-{name}")


def test_a_start_that_several_runs_share_is_refused(client: Client) -> None:
    """The first of several is not taken for the one that is meant."""
    name = client.connection.workspace
    for end in ("one", "two"):
        client.post("/runs", {"experiment": "sweep", "run_id": f"{name}-{end}"})

    with pytest.raises(InvalidArgument, match="start of several run ids"):
        run_id_of(client, f"{name}-")


@pytest.mark.parametrize("text", ["abc", "ab'c", "%", ""])
def test_what_cannot_be_a_run_id_is_refused_before_it_is_searched(
    client: Client, text: str
) -> None:
    """Too short, or not of the characters that ids are made of."""
    with pytest.raises(InvalidArgument, match="not a run id"):
        run_id_of(client, text)


def test_an_experiment_is_found_by_name_and_by_id(client: Client) -> None:
    """A name goes before an id, so that an experiment called `7` can be named."""
    named = client.post("/experiments", {"name": "it's a sweep"})
    other = client.post("/experiments", {"name": 'the "other" team\'s'})
    number = client.post("/experiments", {"name": named["experiment_id"]})

    assert find_experiment(client, "it's a sweep") == named
    assert find_experiment(client, other["name"]) == other
    assert find_experiment(client, other["experiment_id"]) == other
    assert find_experiment(client, named["experiment_id"]) == number


def test_an_experiment_that_is_not_there_says_where_to_look(client: Client) -> None:
    """A typing error is answered with the command that lists names."""
    with pytest.raises(NotFound, match="assay experiments list"):
        find_experiment(client, "swep")
