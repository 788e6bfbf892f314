"""Artifacts without the client: wrong bytes, foreign digests, altered addresses, older ways to read."""

import base64
import hashlib
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.faces.wandb.conftest import Server, start

CREATE = """mutation($input: CreateArtifactInput!) { createArtifact(input: $input) {
  artifact { id state digest versionIndex artifactSequence { latestArtifact { id } } } } }"""
FILES = """mutation($input: CreateArtifactFilesInput!) { createArtifactFiles(input: $input) {
  files { edges { node { name uploadUrl uploadHeaders artifact { id } } } } } }"""
MANIFEST = """mutation($input: CreateArtifactManifestInput!) { createArtifactManifest(input: $input) {
  artifactManifest { id file { id uploadUrl uploadHeaders } } } }"""
COMMIT = """mutation($id: ID!) { commitArtifact(input: {artifactID: $id}) {
  artifact { id digest } } }"""
READ = """query($id: ID!) { artifact(id: $id) { id state digest versionIndex fileCount size
  ttlDurationSeconds currentManifest { file { directUrl } }
  files(first: 10) { edges { node { name directUrl md5 } } } } }"""
LINK = """mutation($input: LinkArtifactInput!) { linkArtifact(input: $input) { versionIndex } }"""
_numbers = count(1)


def md5(data: bytes) -> str:
    """As the client names files."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def path_of(url: str) -> str:
    """What follows the server's name."""
    return "/" + url.split("/", 3)[3]


def begin(server: Server, name: str, digest: str = "", **more: Any) -> dict[str, Any]:
    """A draft, or what is there already."""
    given = {
        "entityName": "default",
        "projectName": "raw-artifacts",
        "artifactTypeName": "dataset",
        "artifactCollectionName": name,
        "digest": digest or f"d{next(_numbers)}",
        "aliases": [{"artifactCollectionName": name, "alias": "latest"}],
        **more,
    }
    answer = server.data(CREATE, input=given)["createArtifact"]["artifact"]
    assert isinstance(answer, dict)
    return answer


def announce(server: Server, artifact: str, **files: str) -> list[dict[str, Any]]:
    """The answers to CreateArtifactFiles, in the order in which the files were named."""
    specs = [{"artifactID": artifact, "name": n, "md5": d} for n, d in files.items()]
    given = {"artifactFiles": specs, "storageLayout": "V2"}
    edges = server.data(FILES, input=given)["createArtifactFiles"]["files"]["edges"]
    return [edge["node"] for edge in edges]


def manifest(server: Server, artifact: str, contents: dict[str, Any]) -> None:
    """Send the whole manifest."""
    raw = json.dumps({"version": 1, "contents": contents}).encode()
    given = {"artifactID": artifact, "name": "m", "digest": md5(raw), "type": "FULL"}
    made = server.data(MANIFEST, input=given)["createArtifactManifest"]["artifactManifest"]
    assert server.ask("PUT", path_of(made["file"]["uploadUrl"]), content=raw).status_code == 200


def commit(server: Server, name: str, data: bytes) -> str:
    """A committed artifact of one file; its id."""
    artifact = begin(server, name)["id"]
    (node,) = announce(server, artifact, x=md5(data))
    assert server.ask("PUT", path_of(node["uploadUrl"]), content=data).status_code == 200
    manifest(server, artifact, {"x": {"digest": md5(data), "size": len(data)}})
    committed = server.data(COMMIT, id=artifact)["commitArtifact"]["artifact"]["id"]
    assert isinstance(committed, str)
    return committed


def test_bytes_with_another_md5_are_refused_and_leave_nothing(server: Server) -> None:
    """The PUT fails, the file stays absent, and the commit names it."""
    artifact = begin(server, "wrong")["id"]
    (node,) = announce(server, artifact, x=md5(b"right"))
    answer = server.ask("PUT", path_of(node["uploadUrl"]), content=b"wrong")
    assert (answer.status_code, "MD5" in answer.text) == (400, True)
    manifest(server, artifact, {"x": {"digest": md5(b"right"), "size": 5}})
    refused = server.graphql(COMMIT, id=artifact)
    assert (refused.status_code, "'x' never came" in refused.text) == (400, True)
    assert server.ask("PUT", path_of(node["uploadUrl"]), content=b"right").status_code == 200
    assert server.data(COMMIT, id=artifact)["commitArtifact"]["artifact"]["id"] == artifact


def test_a_digest_alone_gives_no_bytes(server: Server) -> None:
    """Another collection's digest has to be uploaded; this collection's need not."""
    data = b"known to the server"
    commit(server, "mine", data)
    (foreign,) = announce(server, begin(server, "foreign")["id"], x=md5(data))
    assert foreign["uploadUrl"] is not None
    again = begin(server, "mine")["id"]
    first, second = announce(server, again, new=md5(b"new"), y=md5(data))
    assert (first["name"], second["name"], second["uploadUrl"]) == ("new", "y", None)
    assert (first["artifact"]["id"], second["artifact"]["id"]) == (again, again)
    stolen = begin(server, "foreign")["id"]
    manifest(server, stolen, {"x": {"digest": md5(data), "size": len(data)}})
    assert server.graphql(COMMIT, id=stolen).status_code == 400


def test_altered_addresses_and_other_uses_are_refused(server: Server) -> None:
    """A token is for one file, one direction and one purpose."""
    artifact = begin(server, "altered")["id"]
    (node,) = announce(server, artifact, x=md5(b"x"))
    path = path_of(node["uploadUrl"])
    _, storage, purpose, token, leaf = path.split("/")
    changed = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
    for wrong in (f"/{storage}/{purpose}/{changed}/{leaf}", f"/{storage}/manifest-put/{token}/m"):
        assert server.ask("PUT", wrong, content=b"x").status_code == 403
    assert server.ask("GET", f"/{storage}/wandb_artifacts/{token}/{leaf}").status_code == 403


def test_a_claimed_digest_is_not_what_later_uploads_are_measured_by(server: Server) -> None:
    """The digest that counts is computed from the manifest, whatever the client claimed."""
    lied = "f" * 32
    artifact = begin(server, "lied", lied)["id"]
    (node,) = announce(server, artifact, x=md5(b"evil"))
    server.ask("PUT", path_of(node["uploadUrl"]), content=b"evil")
    manifest(server, artifact, {"x": {"digest": md5(b"evil"), "size": 4}})
    server.data(COMMIT, id=artifact)
    assert begin(server, "lied", lied)["state"] == "PENDING"
    found = server.data(READ, id=artifact)["artifact"]
    assert begin(server, "lied", found["digest"])["state"] == "COMMITTED"


def test_an_artifact_is_read_by_addresses_new_and_old(server: Server) -> None:
    """Signed ones, and those that older clients make up under their key; ranges work."""
    data = b"0123456789"
    found = server.data(READ, id=commit(server, "read", data))["artifact"]
    assert (found["state"], found["fileCount"], found["ttlDurationSeconds"]) == ("COMMITTED", 1, -1)
    (file,) = [edge["node"] for edge in found["files"]["edges"]]
    part = server.ask("GET", path_of(file["directUrl"]), headers={"range": "bytes=2-3"})
    assert (part.status_code, part.content) == (206, b"23")
    sent = server.ask("GET", path_of(found["currentManifest"]["file"]["directUrl"])).json()
    assert sent["contents"]["x"]["digest"] == file["md5"] == md5(data)
    digest = base64.b64decode(file["md5"]).hex()
    old = f"/artifactsV2/default/default/raw-artifacts/read/{found['id']}/{digest}/x"
    assert server.ask("GET", old).content == data
    assert server.ask("GET", old.replace(digest, "zz")).status_code == 404


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"contents": 1}', b'{"contents": {"x": {}}}', b"{" * 5_000]
)
def test_a_broken_manifest_is_refused(server: Server, raw: bytes) -> None:
    """Neither a crash nor a version."""
    artifact = begin(server, "broken")["id"]
    given = {"artifactID": artifact, "name": "m", "digest": md5(raw), "type": "FULL"}
    made = server.data(MANIFEST, input=given)["createArtifactManifest"]["artifactManifest"]
    server.ask("PUT", path_of(made["file"]["uploadUrl"]), content=raw)
    assert server.graphql(COMMIT, id=artifact).status_code == 400
    assert server.data(READ, id=artifact)["artifact"]["state"] == "PENDING"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for credentials, with two workspaces."""
    data = tmp_path_factory.mktemp("guarded-artifacts") / "data"
    running = start(data, auth=True)
    running.headers["authorization"] = f"Bearer {(data / 'admin.token').read_text().strip()}"
    for name in ("theirs", "ours"):
        running.ask("POST", "/api/v1/workspaces", json={"name": name})
    yield running
    running.close()


def test_other_workspaces_artifacts_do_not_exist(guarded: Server) -> None:
    """Not to read, to write to, to link or to use as a base."""
    artifact = begin(guarded, "secret", entityName="theirs")["id"]
    guarded.ask("POST", "/api/v1/principals", json={"name": "eve", "kind": "user"})
    role = {"principal": "eve", "role": "contributor", "workspace": "ours"}
    guarded.ask("PUT", "/api/v1/roles", json=role)
    token = guarded.ask("POST", "/api/v1/tokens", json={"principal": "eve"}).json()["token"]
    admin = guarded.headers["authorization"]
    guarded.headers["authorization"] = f"Bearer {token}"
    try:
        assert guarded.data(READ, id=artifact)["artifact"] is None
        files = {"artifactFiles": [{"artifactID": artifact, "name": "x", "md5": md5(b"x")}]}
        link = {"artifactID": artifact, "artifactPortfolioName": "p", "projectName": "q"}
        given = {"artifactID": artifact, "name": "m", "digest": "", "type": "FULL"}
        for answer in (
            guarded.graphql(FILES, input=files),
            guarded.graphql(COMMIT, id=artifact),
            guarded.graphql(MANIFEST, input=given),
            guarded.graphql(LINK, input={**link, "entityName": "ours"}),
        ):
            assert answer.status_code == 404, answer.text
    finally:
        guarded.headers["authorization"] = admin


VERSIONS = """query($name: String!, $order: String, $after: String) {
  project(name: "raw-artifacts", entityName: "default") { artifactCollection(name: $name) {
    artifacts(order: $order, first: 2, after: $after) { edges { version }
    pageInfo { endCursor hasNextPage } } } } }"""
MOVE = """mutation($id: ID!, $to: String!) { moveArtifactSequence(input: {
  artifactSequenceID: $id, destinationArtifactTypeName: $to}) { artifactCollection { id
  defaultArtifactType { name } } } }"""
COLLECTION = """query($name: String!) { project(name: "raw-artifacts", entityName: "default") {
  artifactCollection(name: $name) { id } } }"""
COLLECTIONS = """query($type: String!, $filters: JSONString, $order: String) {
  project(name: "raw-artifacts", entityName: "default") { artifactType(name: $type) {
  artifactCollections(filters: $filters, order: $order, first: 2) { totalCount
    edges { node { name } } pageInfo { hasNextPage } } } } }"""
TYPES = """query($after: String) { project(name: "types-alone", entityName: "default") {
  artifactTypes(first: 1, after: $after) { edges { node { name } }
  pageInfo { endCursor hasNextPage } } } }"""


def test_versions_come_in_the_order_that_is_asked_for(server: Server) -> None:
    """The newest first, or the oldest; both in pages that end."""
    for place in range(3):
        commit(server, "in-order", f"version {place}".encode())

    def listed(order: str | None) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            answer = server.data(VERSIONS, name="in-order", order=order, after=after)
            page = answer["project"]["artifactCollection"]["artifacts"]
            found += [edge["version"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return found

    assert listed(None) == listed("-version_index") == ["v2", "v1", "v0"]
    assert listed("version_index") == listed("+createdAt") == ["v0", "v1", "v2"]
    assert server.graphql(VERSIONS, name="in-order", order="colour").status_code == 400


def test_a_storage_region_is_refused(server: Server) -> None:
    """In the draft and in the manifest: bytes would not be where their owner thinks."""
    given = {
        "entityName": "default",
        "projectName": "raw-artifacts",
        "artifactTypeName": "dataset",
        "artifactCollectionName": "elsewhere",
        "digest": "elsewhere",
        "storageRegion": "mars-1",
    }
    refused = server.graphql(CREATE, input=given)
    assert (refused.status_code, "'mars-1'" in refused.text) == (400, True)
    artifact = begin(server, "elsewhere")["id"]
    policy = {"storageLayout": "V2", "storageRegion": "mars-1"}
    raw = json.dumps({"version": 1, "contents": {}, "storagePolicyConfig": policy}).encode()
    asked = {"artifactID": artifact, "name": "m", "digest": md5(raw), "type": "FULL"}
    made = server.data(MANIFEST, input=asked)["createArtifactManifest"]["artifactManifest"]
    assert server.ask("PUT", path_of(made["file"]["uploadUrl"]), content=raw).status_code == 200
    refused = server.graphql(COMMIT, id=artifact)
    assert (refused.status_code, "'mars-1'" in refused.text) == (400, True)


def test_a_collection_takes_another_type(server: Server) -> None:
    """With its versions; not while one of them is linked, nor a portfolio."""
    artifact = commit(server, "retyped", b"retyped")

    def identifier(name: str) -> str:
        found = server.data(COLLECTION, name=name)["project"]["artifactCollection"]["id"]
        assert isinstance(found, str)
        return found

    moved = server.data(MOVE, id=identifier("retyped"), to="corpus")["moveArtifactSequence"]
    assert moved["artifactCollection"]["defaultArtifactType"] == {"name": "corpus"}
    typed = server.data(
        "query($id: ID!) { artifact(id: $id) { artifactType { name } } }", id=artifact
    )
    assert typed["artifact"]["artifactType"] == {"name": "corpus"}
    given = {"artifactID": artifact, "artifactPortfolioName": "retyped-shelf", "aliases": []}
    place = {"entityName": "default", "projectName": "raw-artifacts"}
    server.data(LINK, input={**given, **place})
    for name, why in (("retyped", "linked elsewhere"), ("retyped-shelf", "A portfolio keeps")):
        refused = server.graphql(MOVE, id=identifier(name), to="dataset")
        assert (refused.status_code, why in refused.text) == (400, True)


def test_a_protected_alias_is_not_carried_into_models(server: Server) -> None:
    """On models it is earned: the collection becomes one of models without it, or not at all."""
    alias = {"artifactCollectionName": "disguised", "alias": "production"}
    artifact = begin(server, "disguised", aliases=[alias])["id"]
    (node,) = announce(server, artifact, x=md5(b"weights"))
    server.ask("PUT", path_of(node["uploadUrl"]), content=b"weights")
    manifest(server, artifact, {"x": {"digest": md5(b"weights"), "size": 7}})
    server.data(COMMIT, id=artifact)
    found = server.data(COLLECTION, name="disguised")["project"]["artifactCollection"]["id"]
    refused = server.graphql(MOVE, id=found, to="model")
    assert (refused.status_code, "'production' is protected" in refused.text) == (400, True)


def test_collections_are_filtered_and_ordered(server: Server) -> None:
    """By name; the count is that of what is left."""
    for name in ("listed-a", "listed-c", "listed-b"):
        artifact = begin(server, name, artifactTypeName="listed")["id"]
        manifest(server, artifact, {})
        server.data(COMMIT, id=artifact)

    def listed(**asked: Any) -> tuple[list[str], int, bool]:
        found = server.data(COLLECTIONS, type="listed", **asked)["project"]["artifactType"]
        page = found["artifactCollections"]
        names = [edge["node"]["name"] for edge in page["edges"]]
        return names, page["totalCount"], page["pageInfo"]["hasNextPage"]

    assert listed(order="-name") == (["listed-c", "listed-b"], 3, True)
    assert listed(filters='{"name": "listed-b"}') == (["listed-b"], 1, False)
    assert listed(order="+created_at") == (["listed-a", "listed-c"], 3, True)


def test_types_come_in_pages(server: Server) -> None:
    """Each once, also to a client that takes them one by one."""
    for kind in ("one", "two"):
        given = {"artifactTypeName": kind, "projectName": "types-alone"}
        artifact = begin(server, f"of-{kind}", **given)["id"]
        manifest(server, artifact, {})
        server.data(COMMIT, id=artifact)
    first = server.data(TYPES)["project"]["artifactTypes"]
    after = first["pageInfo"]["endCursor"]
    second = server.data(TYPES, after=after)["project"]["artifactTypes"]
    pages = [[edge["node"]["name"] for edge in page["edges"]] for page in (first, second)]
    ends = [page["pageInfo"]["hasNextPage"] for page in (first, second)]
    assert (pages, ends) == ([["one"], ["two"]], [True, False])


def test_a_collection_keeps_its_id_under_another_name(server: Server) -> None:
    """The client renames, and goes on with the id that it has; nobody's id is no collection."""
    commit(server, "renamed", b"renamed")
    found = server.data(COLLECTION, name="renamed")["project"]["artifactCollection"]["id"]
    rename = """mutation($id: ID!) { updateArtifactSequence(input: {artifactSequenceID: $id,
      name: "renamed-since"}) { artifactCollection { id } } }"""
    server.data(rename, id=found)
    moved = server.data(MOVE, id=found, to="corpus")["moveArtifactSequence"]["artifactCollection"]
    assert moved["id"] == found
    nobody = base64.urlsafe_b64encode(b"ArtifactCollection:999999").decode()
    assert server.graphql(MOVE, id=nobody, to="corpus").status_code == 404
