import pytest

from assay.domain.errors import AppError, Code, LineageIncomplete, NotFound
from assay.faces.mlflow.errors import TABLE, body_of, foreign
from tests.faces.mlflow.conftest import Server, refused

RETRIED = {408, 429, 500, 502, 503, 504}
STATUS_OF = {
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_CONFLICT": 409,
    "INTERNAL_ERROR": 500,
    "DATA_LOSS": 500,
    "TEMPORARILY_UNAVAILABLE": 503,
}
OURS = {Code.INTERNAL, Code.DATA_CORRUPTED, Code.UNAVAILABLE}


def test_every_error_of_ours_has_its_words() -> None:
    """The table is total, so that no refusal ends as an internal error."""
    assert set(TABLE) == set(Code)


def test_status_and_code_agree_as_clients_expect() -> None:
    """A client derives the status from the error code; both are sent the same."""
    assert all(STATUS_OF[row.error_code] == row.status for row in TABLE.values())


@pytest.mark.parametrize("code", sorted(set(Code) - OURS))
def test_a_refusal_is_never_retried(code: Code) -> None:
    """A client repeats some statuses for minutes; none of them is used to say no."""
    assert TABLE[code].status not in RETRIED


def test_an_unknown_path_is_an_unknown_endpoint(server: Server) -> None:
    """Clients fall back to other routes when an endpoint is not there."""
    answer = server.ask("GET", "/api/2.0/mlflow/no-such-thing")

    refused(answer, 404, "ENDPOINT_NOT_FOUND")


def test_a_wrong_method_is_an_unknown_endpoint(server: Server) -> None:
    """The answer says which methods there are."""
    refused(server.ask("GET", "/api/2.0/mlflow/runs/create"), 404, "ENDPOINT_NOT_FOUND", "POST")


def test_an_unknown_object_is_another_error_than_an_unknown_path() -> None:
    """Both are 404, told apart by the code."""
    assert foreign(NotFound("no run")).error_code == "RESOURCE_DOES_NOT_EXIST"
    assert foreign(NotFound("no path", unknown_endpoint=True)).error_code == "ENDPOINT_NOT_FOUND"


def test_missing_lineage_says_where_it_usually_comes_from() -> None:
    """Whoever reads the exception in a script learns what to log."""
    error = LineageIncomplete("data_version missing", missing=["data_version"])

    message = body_of(error)["message"]

    assert "dataset_version" in message
    assert "assay.lineage.data_version" in message


def test_the_error_object_has_two_fields() -> None:
    """Code and message are all that clients read."""
    assert set(body_of(AppError("text"))) == {"error_code", "message"}
