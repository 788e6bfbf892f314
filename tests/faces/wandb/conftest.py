import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assay.server.app import App
from assay.server.settings import Settings

UPSERT = """mutation UpsertBucket($input: UpsertBucketInput!) {
  upsertBucket(input: $input) { bucket { id name displayName config description sweepName
    project { id name entity { id name } } historyLineCount } inserted } }"""
RUN = """query Run($e: String!, $p: String!, $n: String!) {
  project(name: $p, entityName: $e) { internalId run(name: $n) {
    id projectId tags name displayName sweepName state config group jobType commit readOnly
    createdAt heartbeatAt description notes systemMetrics summaryMetrics historyLineCount
    user { name username } historyKeys
    history(samples: 500) sampledHistory(specs: ["{\\"keys\\":[\\"a\\"]}"])
    files(first: 50) { edges { node { id name url directUrl sizeBytes } cursor }
      pageInfo { endCursor hasNextPage } }
    logLines(first: 10) { edges { node { number line level label timestamp } }
      pageInfo { endCursor hasNextPage } } } } }"""
_numbers = count(1)


@dataclass
class Server:
    """A started application, spoken to in this process; one event loop for all requests."""

    app: App
    headers: dict[str, str] = field(default_factory=dict)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def ask(self, method: str, path: str, /, **options: Any) -> httpx2.Response:
        headers = {**self.headers, **options.pop("headers", {})}

        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                return await client.request(method, path, headers=headers, **options)

        return self._runner.run(send())

    def graphql(self, query: str, /, **variables: Any) -> httpx2.Response:
        return self.ask("POST", "/graphql", json={"query": query, "variables": variables})

    def data(self, query: str, /, **variables: Any) -> Any:
        answer = self.graphql(query, **variables)
        assert answer.status_code == 200, answer.text
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    def a_run(self, project: str = "raw", **members: Any) -> str:
        name = f"run{next(_numbers)}"
        given = {"modelName": project, "name": name, "entityName": "default", **members}
        bucket = self.data(UPSERT, input=given)["upsertBucket"]["bucket"]
        assert bucket["name"] == name
        return name

    def run(self, name: str, project: str = "raw") -> Any:
        return self.data(RUN, e="default", p=project, n=name)["project"]["run"]

    def stream(self, name: str, body: Any, project: str = "raw", **headers: str) -> httpx2.Response:
        path = f"/files/default/{project}/{name}/file_stream"
        return self.ask("POST", path, json=body, headers=headers)

    def rows(self, name: str, *rows: dict[str, Any], first: int = 0) -> httpx2.Response:
        content = [json.dumps(row) for row in rows]
        files = {"wandb-history.jsonl": {"offset": first, "content": content}}
        return self.stream(name, {"files": files})

    def close(self) -> None:
        self._runner.close()
        self.app.close()


def start(data: Path, **settings: Any) -> Server:
    app = App(Settings(data=data, **settings))
    app.start()
    return Server(app)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with default settings, shared by all tests: each has runs of its own."""
    running = start(tmp_path_factory.mktemp("server") / "data")
    yield running
    running.close()
