import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assay.domain.tracking import LineagePolicy, Policy
from assay.server.app import App
from assay.server.settings import Settings
from tests.support.databases import PostgresqlCluster

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
LINEAGE_PARAMS = {"base": "tiny", "dataset_version": "v1", "seed": "42", "lr": "0.1"}
COMMIT_TAG = {"key": "mlflow.source.git.commit", "value": "a" * 40}

_numbers = count(1)


@dataclass
class Server:
    """A started application, spoken to in this process; one event loop for all requests."""

    app: App
    headers: dict[str, str] = field(default_factory=dict)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def ask(self, method: str, path: str, /, **options: Any) -> httpx2.Response:
        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", headers=self.headers
            ) as client:
                return await client.request(method, path, **options)

        return self._runner.run(send())

    def get(self, path: str, /, **query: Any) -> httpx2.Response:
        return self.ask("GET", API + path, params=query)

    def post(self, path: str, /, **body: Any) -> httpx2.Response:
        return self.ask("POST", API + path, json=body)

    def send(self, method: str, path: str, /, **body: Any) -> httpx2.Response:
        return self.ask(method, API + path, json=body)

    def raw(self, path: str, body: bytes | str, **headers: str) -> httpx2.Response:
        given = {"content-type": "application/json", **headers}
        return self.ask("POST", API + path, content=body, headers=given)

    def an_experiment(self) -> str:
        made = self.post("/experiments/create", name=f"experiment {next(_numbers)}")
        return str(made.json()["experiment_id"])

    def a_run(self, experiment_id: str | None = None, **fields: Any) -> str:
        where = experiment_id or self.an_experiment()
        made = self.post("/runs/create", experiment_id=where, **fields)
        return str(made.json()["run"]["info"]["run_id"])

    def a_trained_run(self, *, files: tuple[str, ...] = ("model/weights.bin",)) -> str:
        run_id = self.a_run(tags=[COMMIT_TAG])
        params = [{"key": key, "value": value} for key, value in LINEAGE_PARAMS.items()]
        assert self.post("/runs/log-batch", run_id=run_id, params=params).status_code == 200
        for path in files:
            self.put_file(run_id, path, f"bytes of {path}".encode())
        return run_id

    def a_version(self, name: str, run_id: str | None = None) -> dict[str, Any]:
        run_id = run_id or self.a_trained_run()
        self.post("/registered-models/create", name=name)
        made = self.post("/model-versions/create", name=name, source=f"runs:/{run_id}/model")
        assert made.status_code == 200, made.text
        version: dict[str, Any] = made.json()["model_version"]
        return version

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/runs/get", run_id=run_id).json()["run"]
        return found

    def root(self, run_id: str) -> str:
        uri: str = self.run(run_id)["info"]["artifact_uri"]
        return uri.removeprefix("mlflow-artifacts:/")

    def put_file(self, run_id: str, path: str, content: bytes) -> httpx2.Response:
        return self.ask("PUT", f"{FILES}/{self.root(run_id)}/{path}", content=content)

    def close(self) -> None:
        self._runner.close()
        self.app.close()


def start(data: Path, **settings: Any) -> Server:
    app = App(Settings(data=data, **settings))
    app.start()
    return Server(app)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with default settings, shared by the tests of a module."""
    running = start(tmp_path_factory.mktemp("server") / "data")
    yield running
    running.close()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that records lineage without asking for it."""
    policy = Policy(lineage=LineagePolicy.RECORDED)
    running = start(tmp_path_factory.mktemp("recording") / "data", policy=policy)
    yield running
    running.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def either(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with default settings, once on each database."""
    data = tmp_path_factory.mktemp("either") / "data"
    if request.param == "sqlite":
        running = start(data)
        yield running
        running.close()
        return
    cluster = request.getfixturevalue("postgresql_cluster")
    assert isinstance(cluster, PostgresqlCluster)
    name = cluster.create()
    running = start(data, database=cluster.url(name))
    yield running
    running.close()
    cluster.drop(name)


@pytest.fixture
def a_name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    return f"name-{next(_numbers)}"


def values(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in pairs}


def refused(answer: httpx2.Response, status: int, code: str, *words: str) -> None:
    """The answer is a refusal of that kind, and its message says each of the words."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error_code", "message"}
    assert body["error_code"] == code
    for word in words:
        assert word in body["message"]


def a_model(server: Server, name: str, **fields: object) -> None:
    assert server.post("/registered-models/create", name=name, **fields).status_code == 200


def get_model(server: Server, name: str) -> dict[str, object]:
    found: dict[str, object] = server.get("/registered-models/get", name=name).json()[
        "registered_model"
    ]
    return found
