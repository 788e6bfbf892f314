import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.importing.importer import Importer
from assay.importing.locations import Locations
from assay.importing.opening import open_source
from assay.importing.tally import Report
from assay.sdk.client import Client
from tests.importing.stories import Story, tell
from tests.support.databases import PostgresqlCluster
from tests.support.server import LiveServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("import") / "data") as live:
        yield live


@pytest.fixture(scope="module", params=["sqlite", "folder", "postgresql"])
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """The same history in each kind of store that MLflow has."""
    place = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        if request.param == "postgresql":
            cluster = request.getfixturevalue("postgresql_cluster")
            assert isinstance(cluster, PostgresqlCluster)
            name = cluster.create()
            uri = cluster.url(name).replace("postgresql://", "postgresql+psycopg://")
            yield tell(uri)
            cluster.drop(name)
        elif request.param == "sqlite":
            yield tell(f"sqlite:///{place}/mlflow.db")
        else:
            yield tell((place / "mlruns").as_uri())


@pytest.fixture(scope="module")
def client(server: LiveServer, story: Story) -> Iterator[Client]:
    """A workspace for one story: ids of runs are taken once they have arrived."""
    name = f"test-{secrets.token_hex(6)}"
    with Client(server.url) as admin:
        admin.post("/workspaces", {"name": name})
        yield admin.within(name)


def bring(uri: str, client: Client, *places: str | Path, **options: bool) -> Report:
    """An import, as the command makes it."""
    source = open_source(uri, "default")
    try:
        return Importer(source, client, Locations([str(p) for p in places]), **options).run()
    finally:
        source.close()
