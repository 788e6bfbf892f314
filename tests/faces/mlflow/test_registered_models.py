import pytest

from tests.faces.mlflow.conftest import Server, a_model, get_model, refused


def test_a_registered_model_comes_back_as_it_was_made(server: Server, a_name: str) -> None:
    """With description and tags; empty fields are left out."""
    tags = [{"key": "team", "value": "core"}]
    a_model(server, a_name, description="what it is", tags=tags)

    found = get_model(server, a_name)

    assert found["name"] == a_name
    assert found["description"] == "what it is"
    assert found["tags"] == tags
    assert set(found) == {
        *("name", "description", "tags", "creation_timestamp", "last_updated_timestamp")
    }


def test_a_model_name_is_taken_once(server: Server, a_name: str) -> None:
    """Clients go on with the model that is there."""
    a_model(server, a_name)

    refused(server.post("/registered-models/create", name=a_name), 400, "RESOURCE_ALREADY_EXISTS")


@pytest.mark.parametrize(
    "name", [None, "", "  ", "a/b", "a:b", "..", "a%2Fb", "%41bc", "a\nb", "x" * 257, "\uff46ull"]
)
def test_a_bad_model_name_is_refused(server: Server, name: object) -> None:
    """No name can be taken for another once it is decoded."""
    answer = server.post("/registered-models/create", name=name)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "name")


@pytest.mark.parametrize("path", ["get", "get-latest-versions"])
def test_an_unknown_model_is_404(server: Server, path: str) -> None:
    """For every read."""
    refused(server.get(f"/registered-models/{path}", name="nobody"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_model_is_described_renamed_and_deleted(server: Server, a_name: str) -> None:
    """Each answers the model as it is then."""
    a_model(server, a_name)
    new = f"{a_name}-new"

    described = server.send("PATCH", "/registered-models/update", name=a_name, description="d")
    renamed = server.post("/registered-models/rename", name=a_name, new_name=new)

    assert described.json()["registered_model"]["description"] == "d"
    assert renamed.json()["registered_model"]["name"] == new
    assert server.send("DELETE", "/registered-models/delete", name=new).json() == {}
    refused(server.get("/registered-models/get", name=new), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_rename_to_a_taken_name_is_refused(server: Server, a_name: str) -> None:
    """Both models stay what they were."""
    a_model(server, a_name)
    a_model(server, f"{a_name}-b")

    answer = server.post("/registered-models/rename", name=a_name, new_name=f"{a_name}-b")

    refused(answer, 400, "RESOURCE_ALREADY_EXISTS")


def test_tags_of_a_model_are_set_and_removed(server: Server, a_name: str) -> None:
    """Removing one that is not there is fine."""
    a_model(server, a_name)
    server.post("/registered-models/set-tag", name=a_name, key="k", value="v")
    assert get_model(server, a_name)["tags"] == [{"key": "k", "value": "v"}]

    for _ in range(2):
        answer = server.send("DELETE", "/registered-models/delete-tag", name=a_name, key="k")
        assert answer.json() == {}
    assert "tags" not in get_model(server, a_name)


def test_a_tag_value_has_a_limit(server: Server, a_name: str) -> None:
    """100,000 characters; longer ones are refused, not cut."""
    a_model(server, a_name)
    ask = ("/registered-models/set-tag",)

    assert server.post(*ask, name=a_name, key="k", value="v" * 100_000).json() == {}
    refused(
        server.post(*ask, name=a_name, key="k", value="v" * 100_001),
        400,
        "INVALID_PARAMETER_VALUE",
        "100000",
    )


def test_models_are_searched_and_paged(server: Server, a_name: str) -> None:
    """By name unless ordered otherwise."""
    names = [f"{a_name}-{i}" for i in range(3)]
    for name in names:
        a_model(server, name)
    text = f"name LIKE '{a_name}-%'"

    first = server.get("/registered-models/search", filter=text, max_results=2).json()
    rest = server.get(
        "/registered-models/search",
        filter=text,
        max_results=2,
        page_token=first["next_page_token"],
    ).json()
    backwards = server.get("/registered-models/search", filter=text, order_by="name DESC").json()

    found = [model["name"] for model in first["registered_models"] + rest["registered_models"]]
    assert found == names
    assert [model["name"] for model in backwards["registered_models"]] == names[::-1]


@pytest.mark.parametrize(
    "query",
    [
        {"max_results": 1001},
        {"max_results": 0},
        {"filter": "bogus = 'x'"},
        {"filter": "name > 'x'"},
        {"order_by": "bogus"},
        {"page_token": "abc"},
    ],
)
@pytest.mark.parametrize("path", ["/registered-models/search", "/model-versions/search"])
def test_a_bad_registry_search_is_refused(
    server: Server, path: str, query: dict[str, object]
) -> None:
    """Sizes, filters, orders and tokens are checked."""
    if path.startswith("/model-versions") and query == {"max_results": 1001}:
        query = {"max_results": 200_001}

    refused(server.get(path, **query), 400, "INVALID_PARAMETER_VALUE")


def test_prompts_are_found_only_by_who_asks_for_them(server: Server, a_name: str) -> None:
    """They are registered models with a tag, and no models."""
    a_model(server, f"{a_name}-model")
    a_model(server, f"{a_name}-prompt", tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])
    mine = f"name LIKE '{a_name}%'"

    def found(text: str) -> list[str]:
        answer = server.get("/registered-models/search", filter=text).json()
        return [model["name"] for model in answer.get("registered_models", [])]

    assert found(mine) == [f"{a_name}-model"]
    assert found(f"{mine} AND tag.`mlflow.prompt.is_prompt` != 'true'") == [f"{a_name}-model"]
    assert found(f"tags.`mlflow.prompt.is_prompt` = 'true' AND {mine}") == [f"{a_name}-prompt"]


def test_a_filter_keeps_its_meaning_when_prompts_are_left_out(server: Server, a_name: str) -> None:
    """Quotes and odd keys of the other clauses survive."""
    a_model(server, a_name, tags=[{"key": "a b", "value": 'say "yes"'}])
    text = f'tags.`a b` = \'say "yes"\' AND name = "{a_name}"'
    hidden = "tags.`mlflow.prompt.is_prompt` != 'true'"

    answer = server.get("/registered-models/search", filter=f"{text} AND {hidden}").json()

    assert [model["name"] for model in answer["registered_models"]] == [a_name]
