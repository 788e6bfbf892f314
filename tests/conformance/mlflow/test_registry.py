"""The registry through `MlflowClient`."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

from tests.conformance.mlflow.conftest import a_trained_run, let_go, point_to
from tests.support.server import LiveServer


@pytest.fixture
def versions(client: MlflowClient, a_name: str, folder: Path) -> str:
    """A registered model with two versions."""
    run_id = a_trained_run(folder)
    client.create_registered_model(a_name)
    for _ in range(2):
        client.create_model_version(a_name, f"runs:/{run_id}/adapter", run_id)
    return a_name


def test_models_are_made_changed_found_and_deleted(client: MlflowClient, a_name: str) -> None:
    """With tags and description."""
    client.create_registered_model(a_name, tags={"team": "core"}, description="first")
    client.update_registered_model(a_name, description="second")
    client.set_registered_model_tag(a_name, "k", "v")
    client.delete_registered_model_tag(a_name, "team")
    client.rename_registered_model(a_name, f"{a_name}-b")

    found = client.get_registered_model(f"{a_name}-b")

    assert (found.description, found.tags) == ("second", {"k": "v"})
    text = f"name ILIKE '{a_name.upper()}%' AND tags.k = 'v'"
    assert [m.name for m in client.search_registered_models(text)] == [f"{a_name}-b"]
    with pytest.raises(RestException, match="RESOURCE_ALREADY_EXISTS"):
        client.create_registered_model(f"{a_name}-b")
    client.delete_registered_model(f"{a_name}-b")
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_registered_model(f"{a_name}-b")


def test_all_models_are_listed(client: MlflowClient, versions: str) -> None:
    """Without a filter, although the client asks for everything but prompts."""
    assert versions in {model.name for model in client.search_registered_models()}


def test_versions_are_changed_found_and_deleted(client: MlflowClient, versions: str) -> None:
    """Descriptions, tags, searches; a number never comes back."""
    client.update_model_version(versions, "1", "about one")
    client.set_model_version_tag(versions, "1", "k", "v")
    client.set_model_version_tag(versions, "2", "k", "w")
    client.delete_model_version_tag(versions, "2", "k")

    one = client.get_model_version(versions, "1")
    assert (one.description, one.tags) == ("about one", {"k": "v"})
    found = client.search_model_versions(f"name = '{versions}'", order_by=["version_number ASC"])
    assert [version.version for version in found] == ["1", "2"]
    by_tag = client.search_model_versions(f"name = '{versions}' AND tags.k = 'v'")
    assert [version.version for version in by_tag] == ["1"]
    client.delete_model_version(versions, "2")
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version(versions, "2")
    again = client.create_model_version(versions, one.source, one.run_id)
    assert again.version == "3"


def test_a_free_alias_is_set_moved_and_removed(client: MlflowClient, versions: str) -> None:
    """Models and versions show it."""
    client.set_registered_model_alias(versions, "candidate", "1")
    client.set_registered_model_alias(versions, "candidate", "2")

    assert client.get_model_version_by_alias(versions, "candidate").version == "2"
    assert client.get_registered_model(versions).aliases == {"candidate": "2"}
    assert client.get_model_version(versions, "2").aliases == ["candidate"]
    client.delete_registered_model_alias(versions, "candidate")
    client.delete_registered_model_alias(versions, "candidate")
    with pytest.raises(MlflowException, match="candidate"):
        client.get_model_version_by_alias(versions, "candidate")


def test_latest_is_the_newest_version(client: MlflowClient, versions: str) -> None:
    """In addresses as well."""
    local = mlflow.artifacts.download_artifacts(f"models:/{versions}/latest")

    assert Path(local, "adapter_config.json").is_file()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_stages_are_labels_but_production_is_a_promotion(
    client: MlflowClient, versions: str
) -> None:
    """Older clients load by stage, so that label is no way around the gate."""
    client.transition_model_version_stage(versions, "1", "staging")
    client.transition_model_version_stage(versions, "2", "Staging", archive_existing_versions=True)

    assert client.get_model_version(versions, "1").current_stage == "Archived"
    latest = client.get_latest_versions(versions, stages=["Staging"])
    assert [version.version for version in latest] == ["2"]
    with pytest.raises(RestException, match="gate"):
        client.transition_model_version_stage(versions, "2", "Production")


def test_a_version_is_copied_to_another_model(client: MlflowClient, versions: str) -> None:
    """With its run, and not with the right to serve."""
    source = client.get_model_version(versions, "1")

    made = client.copy_model_version(f"models:/{versions}/1", f"{versions}-prod")

    assert (made.name, made.version, made.run_id) == (f"{versions}-prod", "1", source.run_id)
    with pytest.raises(RestException, match="gate"):
        client.set_registered_model_alias(f"{versions}-prod", "production", "1")


@pytest.fixture
def recording_client(recording_server: LiveServer) -> Iterator[MlflowClient]:
    """A client of the server that records lineage without asking for it."""
    yield point_to(recording_server)
    let_go()


@pytest.mark.parametrize("source", ["s3://bucket/model", "dbfs:/path/to/model"])
def test_where_lineage_is_recorded_foreign_sources_are_taken(
    recording_client: MlflowClient, a_name: str, source: str
) -> None:
    """For a registry that is being moved in; such a version never serves."""
    recording_client.create_registered_model(a_name)

    made = recording_client.create_model_version(a_name, source)

    assert (made.version, made.source, made.status) == ("1", source, "READY")
    assert recording_client.get_model_version_download_uri(a_name, "1") == source
    with pytest.raises(RestException):
        recording_client.set_registered_model_alias(a_name, "production", "1")
    recording_client.set_registered_model_alias(a_name, "anything", "1")


def test_prompts_are_kept_where_lineage_is_recorded(
    recording_client: MlflowClient, a_name: str
) -> None:
    """Versioned texts with aliases, apart from the models."""
    mlflow.genai.register_prompt(name=a_name, template="Hello {{name}}")
    mlflow.genai.register_prompt(name=a_name, template="Good day {{name}}")
    mlflow.genai.set_prompt_alias(a_name, "live", 1)

    assert mlflow.genai.load_prompt(f"prompts:/{a_name}@live").format(name="you") == "Hello you"
    assert mlflow.genai.load_prompt(f"prompts:/{a_name}/2").version == 2
    assert a_name in {prompt.name for prompt in mlflow.genai.search_prompts()}
    assert a_name not in {m.name for m in recording_client.search_registered_models()}
    assert recording_client.search_model_versions(f"name = '{a_name}'") == []


def test_prompts_need_no_lineage_and_are_never_promoted(client: MlflowClient, a_name: str) -> None:
    """A server that requires lineage of models keeps prompts; protected aliases are not for them."""
    mlflow.genai.register_prompt(name=a_name, template="Hello {{name}}", tags={"team": "core"})
    mlflow.genai.set_prompt_alias(a_name, "live", 1)

    assert mlflow.genai.load_prompt(f"prompts:/{a_name}@live").format(name="you") == "Hello you"
    with pytest.raises(MlflowException, match="RESOURCE_CONFLICT"):
        mlflow.genai.set_prompt_alias(a_name, "production", 1)
