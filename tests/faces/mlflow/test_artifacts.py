import hashlib

import pytest

from tests.faces.mlflow.conftest import FILES, Server, refused

BODY = bytes(range(256)) * 8
ESCAPES = [
    "..",
    "../x",
    "a/../../x",
    "a/../b",
    "%2e%2e/x",
    "%2e%2e%2fx",
    "%252e%252e%252fx",
    "..\\x",
    "a\\..\\x",
    "/etc/passwd",
    "//etc/passwd",
    "C:/x",
    "C:\\x",
    "a//b",
    "./a",
    "a/./b",
    "a\x00b",
    "a\nb",
    "file:///etc/passwd",
    "a/" + "x" * 2000,
]


@pytest.fixture(scope="module")
def run_id(server: Server) -> str:
    """A run with a few files."""
    made = server.a_run()
    for path in ("top.bin", "model/MLmodel", "model/data/weights.bin"):
        assert server.put_file(made, path, BODY).status_code == 200
    return made


def fetch(server: Server, path: str, **headers: str) -> tuple[int, bytes]:
    answer = server.ask("GET", f"{FILES}/{path}", headers=headers)
    return answer.status_code, answer.content


def test_a_file_comes_back_byte_for_byte(server: Server, run_id: str) -> None:
    """As a download that is never sniffed, with its digest as the validator."""
    answer = server.ask("GET", f"{FILES}/{server.root(run_id)}/model/data/weights.bin")

    assert answer.content == BODY
    assert answer.headers["etag"] == f'"{hashlib.sha256(BODY).hexdigest()}"'
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_mlmodel_file_is_text(server: Server, run_id: str) -> None:
    """Pages show it."""
    answer = server.ask("GET", f"{FILES}/{server.root(run_id)}/model/MLmodel")

    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-9", 206, BODY[:10]),
        ("bytes=-5", 206, BODY[-5:]),
        ("bytes=2000-", 206, BODY[2000:]),
        ("bytes=99999-", 416, b""),
        ("lines=1-2", 200, BODY),
    ],
)
def test_a_range_of_a_file_is_answered(
    server: Server, run_id: str, wanted: str, status: int, content: bytes
) -> None:
    """Clients load large files in parts."""
    path = f"{server.root(run_id)}/top.bin"

    assert fetch(server, path, range=wanted) == (status, content)


def test_a_file_that_the_client_has_is_not_sent(server: Server, run_id: str) -> None:
    """The validator decides."""
    etag = f'"{hashlib.sha256(BODY).hexdigest()}"'

    status, _ = fetch(server, f"{server.root(run_id)}/top.bin", **{"if-none-match": etag})

    assert status == 304


def test_a_file_is_replaced_and_removed(server: Server) -> None:
    """The last upload counts; removing what is gone is fine."""
    run_id = server.a_run()
    path = f"{server.root(run_id)}/f.txt"
    for content in (b"one", b"two"):
        assert server.ask("PUT", f"{FILES}/{path}", content=content).json() == {}
    assert fetch(server, path) == (200, b"two")

    for _ in range(2):
        assert server.ask("DELETE", f"{FILES}/{path}").status_code == 200
        # Some clients send an empty message along.
        assert server.ask("DELETE", f"{FILES}/{path}", json={}).status_code == 200
    assert fetch(server, path)[0] == 404


def test_a_folder_is_removed_with_all_below(server: Server) -> None:
    """A trailing slash does not matter."""
    run_id = server.a_run()
    for path in ("a/b.txt", "a/c/d.txt", "e.txt"):
        server.put_file(run_id, path, b"x")

    assert server.ask("DELETE", f"{FILES}/{server.root(run_id)}/a/").status_code == 200

    files = server.get("/artifacts/list", run_id=run_id).json()["files"]
    assert files == [{"path": "e.txt", "is_dir": False, "file_size": 1}]


def test_a_missing_file_is_404(server: Server, run_id: str) -> None:
    """Also a folder, which is no file."""
    for path in ("nothing", "model"):
        answer = server.ask("GET", f"{FILES}/{server.root(run_id)}/{path}")
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")


def test_the_files_of_a_run_are_listed_below_its_root(server: Server, run_id: str) -> None:
    """Paths are relative to the root, and in their order whether file or folder."""
    answer = server.get("/artifacts/list", run_id=run_id, path="model").json()

    assert answer == {
        "root_uri": f"mlflow-artifacts:/{server.root(run_id)}",
        "files": [
            {"path": "model/MLmodel", "is_dir": False, "file_size": len(BODY)},
            {"path": "model/data", "is_dir": True},
        ],
    }


def test_the_proxy_lists_base_names(server: Server, run_id: str) -> None:
    """Clients join them to the folder that they asked for."""
    answer = server.ask("GET", FILES, params={"path": f"{server.root(run_id)}/model"}).json()

    assert [each["path"] for each in answer["files"]] == ["MLmodel", "data"]


@pytest.mark.parametrize("path", ["", "0", "nothing/here/artifacts", "7777/" + "e" * 32])
def test_a_folder_that_is_not_there_is_empty(server: Server, path: str) -> None:
    """Listing is no way to learn what exists."""
    assert server.ask("GET", FILES, params={"path": path}).json() == {}


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_path_leaves_its_root(server: Server, run_id: str, escape: str) -> None:
    """Whatever the encoding and the route: 400, and nothing is written."""
    for answer in (
        server.get("/artifacts/list", run_id=run_id, path=escape),
        server.ask("GET", FILES, params={"path": f"{server.root(run_id)}/{escape}"}),
        server.ask("GET", "/get-artifact", params={"run_uuid": run_id, "path": escape}),
        server.ask(
            "POST",
            "/ajax-api/2.0/mlflow/upload-artifact",
            params={"run_uuid": run_id, "path": escape},
            content=b"x",
        ),
    ):
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "Invalid path")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "raw",
    [
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%252e%252e%252fetc",
        "%252e%252e/%252e%252e/x",
        "..%5c..%5cx",
        "%2fetc%2fpasswd",
        "a%00b",
        "a%2f%2fb",
    ],
)
def test_no_encoded_path_leaves_its_root(
    server: Server, run_id: str, method: str, raw: str
) -> None:
    """Decoded once by the server and twice more by the check."""
    answer = server.ask(method, f"{FILES}/{server.root(run_id)}/{raw}")

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "Invalid path")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_run_has_files_below_its_own_experiment_only(
    server: Server, run_id: str, method: str
) -> None:
    """The id of another experiment in the path is not ignored."""
    answer = server.ask(method, f"{FILES}/424242/{run_id}/artifacts/top.bin")

    refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("path", ["loose.txt", "0/loose.txt", "a/b/c/d"])
def test_a_path_of_no_run_takes_no_file(server: Server, path: str) -> None:
    """Every file belongs to a run or a logged model."""
    answer = server.ask("PUT", f"{FILES}/{path}", content=b"x")

    refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")


def test_the_root_of_a_run_is_no_file(server: Server, run_id: str) -> None:
    """A file has a name."""
    answer = server.ask("PUT", f"{FILES}/{server.root(run_id)}", content=b"x")

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "Invalid path")


def test_pages_read_files_by_run(server: Server, run_id: str) -> None:
    """Under the older name of the id as well."""
    for name in ("run_id", "run_uuid"):
        answer = server.ask("GET", "/get-artifact", params={name: run_id, "path": "top.bin"})
        assert answer.content == BODY


def test_pages_upload_small_files(server: Server) -> None:
    """The body is the file."""
    run_id = server.a_run()
    place = {"run_uuid": run_id, "path": "notes/a.txt"}

    answer = server.ask(
        "POST", "/ajax-api/2.0/mlflow/upload-artifact", params=place, content=b"note"
    )

    assert answer.json() == {}
    assert fetch(server, f"{server.root(run_id)}/notes/a.txt") == (200, b"note")


@pytest.mark.parametrize(
    ("query", "content", "words"),
    [
        ({}, b"x", "Request must specify run_uuid."),
        ({"run_uuid": "r"}, b"x", "Request must specify path."),
        ({"run_uuid": "r", "path": ""}, b"x", "Request must specify path."),
        ({"run_uuid": "r", "path": "../a"}, b"x", "Invalid path"),
        ({"run_uuid": "r", "path": "a"}, b"", "Request must specify data."),
    ],
)
def test_what_an_upload_lacks_is_told_as_mlflow_does(
    server: Server, query: dict[str, str], content: bytes, words: str
) -> None:
    """Run, path and bytes, in that order."""
    path = "/ajax-api/2.0/mlflow/upload-artifact"
    answer = server.ask("POST", path, params=query, content=content)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", words)


def test_a_slash_too_many_before_a_path_is_no_other_path(server: Server, run_id: str) -> None:
    """A tracking URI may end with one."""
    answer = server.ask(
        "GET", "http://127.0.0.1//api/2.0/mlflow/artifacts/list", params={"run_id": run_id}
    )

    assert answer.json() == server.get("/artifacts/list", run_id=run_id).json()


def test_a_large_file_is_not_uploaded_by_a_page(server: Server, run_id: str) -> None:
    """10 MiB are the limit of that route."""
    answer = server.ask(
        "POST",
        "/ajax-api/2.0/mlflow/upload-artifact",
        params={"run_uuid": run_id, "path": "big.bin"},
        content=bytes(10 * 1024 * 1024 + 1),
    )

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "Artifact size is too large")


@pytest.mark.parametrize(
    ("method", "path", "start"),
    [
        ("POST", "/mlflow-artifacts/mpu/create/a/b", "Multipart upload is not supported"),
        ("POST", "/mlflow-artifacts/mpu/complete/a", "Multipart upload is not supported"),
        ("POST", "/mlflow-artifacts/mpu/abort/a", "Multipart upload is not supported"),
        ("GET", "/mlflow-artifacts/presigned/a", "Multipart download is not supported"),
        ("POST", "/mlflow/artifacts/presigned-upload-url", "Presigned URLs are not supported"),
        ("POST", "/mlflow/artifacts/presigned-download-url", "Presigned URLs are not supported"),
    ],
)
def test_other_ways_of_transfer_are_declined_in_words_that_clients_know(
    server: Server, method: str, path: str, start: str
) -> None:
    """They then send and load the file in one piece."""
    answer = server.ask(method, f"/api/2.0{path}", json={} if method == "POST" else None)

    assert answer.status_code == 501
    assert answer.json()["error_code"] == "NOT_IMPLEMENTED"
    assert answer.json()["message"].startswith(start)


def test_a_file_of_a_deleted_run_can_be_read_but_not_written(server: Server) -> None:
    """The bin keeps files."""
    run_id = server.a_run()
    server.put_file(run_id, "f", b"kept")
    path = f"{server.root(run_id)}/f"
    server.post("/runs/delete", run_id=run_id)

    assert fetch(server, path) == (200, b"kept")
    refused(
        server.ask("PUT", f"{FILES}/{path}", content=b"new"),
        400,
        "INVALID_PARAMETER_VALUE",
        "'active' state",
    )


@pytest.mark.parametrize("name", ["a b.txt", "100%.txt", "Übung.txt", "a+b&c=d.txt", "x;y.txt"])
def test_odd_names_are_kept(server: Server, name: str) -> None:
    """A file is found under the name that it was given."""
    run_id = server.a_run()
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())

    server.ask("PUT", f"{FILES}/{server.root(run_id)}/{encoded}", content=b"odd")

    files = server.get("/artifacts/list", run_id=run_id).json()["files"]
    assert [each["path"] for each in files] == [name]
    assert fetch(server, f"{server.root(run_id)}/{encoded}") == (200, b"odd")
