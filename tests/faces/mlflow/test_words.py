"""Refusals begin with the words that MLflow's own server uses: scripts look for them."""

import pytest

from assay.domain.errors import InvalidArgument, MalformedId, NotFound
from assay.faces.mlflow.words import reworded
from tests.faces.mlflow.conftest import COMMIT_TAG, Server, refused

UNKNOWN_RUN = "f" * 32
UNKNOWN_MODEL = "m-" + "f" * 32
ABSENT, INVALID = "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"
TAKEN = "RESOURCE_ALREADY_EXISTS"


def test_an_unknown_run_is_named_as_mlflow_does(server: Server) -> None:
    """Read or written to, the words are the same."""
    words = f"Run with id={UNKNOWN_RUN} not found"

    refused(server.get("/runs/get", run_id=UNKNOWN_RUN), 404, ABSENT, words)
    refused(server.post("/runs/log-batch", run_id=UNKNOWN_RUN), 404, ABSENT, words)
    refused(server.post("/runs/set-tag", run_id=UNKNOWN_RUN, key="k"), 404, ABSENT, words)


def test_an_unknown_experiment_is_named_as_mlflow_does(server: Server) -> None:
    """By id and by name the words differ."""
    by_id = server.get("/experiments/get", experiment_id="999999")
    by_name = server.get("/experiments/get-by-name", experiment_name="no 'such' name")

    refused(by_id, 404, ABSENT, "No Experiment with id=999999 exists")
    refused(by_name, 404, ABSENT, "Could not find experiment with name 'no 'such' name'")


def test_a_missing_tag_is_named_as_mlflow_does(server: Server) -> None:
    """Of a run, an experiment and a logged model."""
    home = server.an_experiment()
    run_id = server.a_run(home)
    model = server.post("/logged-models", experiment_id=home).json()["model"]["info"]["model_id"]

    of_run = server.post("/runs/delete-tag", run_id=run_id, key="k")
    of_home = server.post("/experiments/delete-experiment-tag", experiment_id=home, key="k")
    of_model = server.send("DELETE", f"/logged-models/{model}/tags/k")

    refused(of_run, 404, ABSENT, f"No tag with name: k in run with id {run_id}")
    refused(of_home, 404, ABSENT, f"No tag with name: k in experiment with id {home}")
    refused(of_model, 404, ABSENT, f"No tag with key 'k' found for model with ID '{model}'")


def test_what_is_deleted_is_not_active_in_mlflows_words(server: Server) -> None:
    """Runs and experiments; the hint to restore them stays."""
    home = server.an_experiment()
    deleted, orphan = server.a_run(home), server.a_run(home)
    server.post("/runs/delete", run_id=deleted)
    of_run = server.post("/runs/log-parameter", run_id=deleted, key="k", value="v")
    server.post("/experiments/delete", experiment_id=home)

    of_orphan = server.post("/runs/log-parameter", run_id=orphan, key="k", value="v")
    of_home = server.post("/experiments/set-experiment-tag", experiment_id=home, key="k", value="v")
    again = server.post("/experiments/delete", experiment_id=home)

    state = "must be in the 'active' state. Current state is deleted. Restore it first."
    refused(of_run, 400, INVALID, f"The run {deleted} {state}")
    refused(of_orphan, 400, INVALID, f"The run {orphan} must be in the 'active' state", "Restore")
    refused(of_home, 400, INVALID, f"The experiment {home} {state}")
    refused(server.post("/runs/create", experiment_id=home), 400, INVALID, f"experiment {home}")
    refused(again, 404, ABSENT, f"No Experiment with id={home} exists")


def test_a_taken_name_is_told_as_mlflow_does(server: Server) -> None:
    """Of an experiment, also in the bin, and of a registered model."""
    made = server.post("/experiments/create", name="taken twice").json()["experiment_id"]
    server.post("/registered-models/create", name="taken-twice")

    of_home = server.post("/experiments/create", name="taken twice")
    server.post("/experiments/delete", experiment_id=made)
    in_bin = server.post("/experiments/create", name="taken twice")
    of_model = server.post("/registered-models/create", name="taken-twice")

    refused(of_home, 400, TAKEN, "Experiment(name=taken twice) already exists")
    refused(in_bin, 400, TAKEN, "Experiment(name=taken twice) already exists", "bin", "restore")
    refused(of_model, 400, TAKEN, "Registered Model (name=taken-twice) already exists")


def test_the_registry_names_what_is_missing_as_mlflow_does(server: Server) -> None:
    """A model, a version and a logged model."""
    server.post("/registered-models/create", name="without-versions")

    model = server.get("/registered-models/get", name="no-such-model")
    version = server.get("/model-versions/get", name="without-versions", version="7")
    logged = server.get(f"/logged-models/{UNKNOWN_MODEL}")

    refused(model, 404, ABSENT, "Registered Model with name=no-such-model not found")
    refused(version, 404, ABSENT, "Model Version (name=without-versions, version=7) not found")
    refused(logged, 404, ABSENT, f"Logged model with ID '{UNKNOWN_MODEL}' not found")
    refused(server.get("/logged-models/m-1"), 404, ABSENT, "Logged model with ID 'm-1' not found")


def test_webhooks_are_refused_in_mlflows_words(server: Server) -> None:
    """An unknown one, a bad name, a bad address, no events, a page that is too long."""
    event = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
    good = {"name": "hook", "url": "https://example.com/", "events": [event]}

    def create(**changes: object) -> object:
        return server.post("/webhooks", **{**good, **changes})

    refused(server.get("/webhooks/nobody"), 404, ABSENT, "Webhook with ID nobody not found")
    refused(create(name="-bad"), 400, INVALID, "Webhook name", "is invalid")
    refused(create(name=" "), 400, INVALID, "Webhook name", "is invalid")
    refused(create(name=""), 400, INVALID, "Webhook name", "is invalid")
    refused(create(url="ftp://example.com"), 400, INVALID, "Invalid webhook URL scheme")
    refused(create(url="http://[bad"), 400, INVALID, "Invalid webhook URL")
    refused(create(url="  "), 400, INVALID, "Webhook URL cannot be empty or just whitespace")
    refused(create(events=[]), 400, INVALID, "Webhook events must be a non-empty list")
    refused(server.get("/webhooks", max_results=1001), 400, INVALID, "must be between 1 and 1000")


def test_an_empty_name_or_address_of_a_webhook_stays_as_it_was(server: Server) -> None:
    """As with MLflow; a blank one is refused."""
    event = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
    made = server.post("/webhooks", name="kept", url="https://example.com/", events=[event])
    path = "/webhooks/" + made.json()["webhook"]["webhook_id"]

    refused(server.send("PATCH", path, name=" "), 400, INVALID, "is invalid")
    refused(server.send("PATCH", path, url=" "), 400, INVALID, "cannot be empty")
    changed = server.send("PATCH", path, name="", url="", description="new").json()["webhook"]
    assert (changed["name"], changed["url"]) == ("kept", "https://example.com/")


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("runs", "attribute.nothing = 'a'", "Invalid attribute key 'nothing' specified"),
        ("runs", "dataset.nothing = 'a'", "Invalid dataset key 'nothing' specified"),
        ("runs", "colour.x = 'a'", "Invalid entity type 'colour'"),
        ("runs", "metrics.x = 'a'", "Expected numeric value type"),
        ("runs", "metrics.x LIKE 'a'", "Invalid comparator"),
        ("runs", "params.x = 'a' OR params.y = 'b'", "Invalid clause(s) in filter string"),
        ("runs", "params.x", "Invalid clause(s) in filter string"),
        ("runs", "params.x = abc", "string value abc. Use either single or double quotes"),
        ("runs", "run_id IN ()", "While parsing a list in the query, expected a non-empty list"),
        ("runs", "status IS NULL", "IS NULL / IS NOT NULL is only supported for tags"),
        ("runs", "run_name IS NOT NULL", "IS NULL / IS NOT NULL is only supported for tags"),
        ("registered-models", "name != abc", "string value abc"),
        ("registered-models", "run_id = 'x'", "Invalid attribute key 'run_id' specified"),
        ("model-versions", "run_id IN (", "Invalid clause(s) in filter string"),
        ("model-versions", "name LIKE", "Invalid clause(s) in filter string"),
    ],
)
def test_a_wrong_filter_is_told_as_mlflow_does(
    server: Server, kind: str, text: str, words: str
) -> None:
    """What is wrong, in its words first, then in ours."""
    if kind == "runs":
        answer = server.post("/runs/search", experiment_ids=["0"], filter=text)
    else:
        answer = server.get(f"/{kind}/search", filter=text)

    refused(answer, 400, INVALID, words)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("registered-models", "description", "Invalid order by key 'description' specified"),
        ("registered-models", "name sideways", "Invalid order_by clause 'name sideways'"),
        ("model-versions", "description", "Invalid attribute key 'description' specified"),
        ("experiments", "nothing", "Invalid order by key 'nothing' specified"),
    ],
)
def test_a_wrong_order_is_told_as_mlflow_does(
    server: Server, kind: str, text: str, words: str
) -> None:
    """An unknown key and an unreadable direction."""
    answer = server.get(f"/{kind}/search", max_results=5, order_by=text)

    refused(answer, 400, INVALID, words)


def test_a_field_that_orders_twice_is_told_as_mlflow_does(server: Server) -> None:
    """The words are MLflow's, the status is 400."""
    answer = server.get("/registered-models/search", order_by=["name", "name DESC"])

    refused(answer, 400, INVALID, "`order_by` contains duplicate fields")


def test_a_page_is_refused_in_mlflows_words(server: Server) -> None:
    """A foreign token, and more than a page may hold."""
    token = server.get("/model-versions/search", page_token="evil", max_results=5)
    many = server.get("/registered-models/search", max_results=100_000)
    none = server.get("/model-versions/search", max_results=0)
    runs = server.post("/runs/search", experiment_ids=["0"], max_results=50_001)
    homes = server.get("/experiments/search")

    refused(token, 400, INVALID, "Invalid page token, could not base64-decode")
    refused(many, 400, INVALID, "Invalid value for request parameter max_results")
    refused(none, 400, INVALID, "Invalid value for max_results. It must be a positive integer")
    refused(
        runs,
        400,
        INVALID,
        "Invalid value 50001 for parameter 'max_results' supplied. It must be at",
    )
    refused(
        homes,
        400,
        INVALID,
        "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer",
    )


def test_names_are_refused_in_mlflows_words(server: Server) -> None:
    """Of experiments by their id, of logged models, of registered models, and of versions."""
    home = server.an_experiment()
    long = "x" * 501

    logged = server.post("/logged-models", experiment_id=home, name="a.b")
    renamed = server.post("/experiments/update", experiment_id=home, new_name=long)
    registered = server.post("/registered-models/create", name="a/b")
    version = server.post(
        "/model-versions/set-tag", name="some", version="not a number", key="k", value="v"
    )

    refused(server.get("/experiments/get", experiment_id="abc"), 400, INVALID, "ID 'abc'.")
    refused(logged, 400, INVALID, "Invalid model name ('a.b') provided")
    refused(renamed, 400, INVALID, "'name' exceeds the maximum length")
    refused(registered, 400, INVALID, "Invalid model name 'a/b'. ", "'/'")
    refused(version, 400, INVALID, "Parameter 'version' must be an integer, got 'not a number'")


def test_a_name_that_no_model_has_is_refused_before_it_is_looked_for(server: Server) -> None:
    """Reading, too: a slash or a colon divides the parts of a model's address."""
    one = server.get("/registered-models/get", name="a/b")
    version = server.get("/model-versions/get", name="a:b", version="1")
    blank = server.post("/registered-models/set-tag", name=" ", key="k", value="v")

    refused(one, 400, INVALID, "Names cannot contain '/' or ':'")
    refused(version, 400, INVALID, "Names cannot contain '/' or ':'")
    refused(blank, 400, INVALID, "Missing value for required parameter 'name'")


def test_models_and_prompts_share_their_names(server: Server) -> None:
    """Who takes a name that is taken is told by what."""
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    server.post("/registered-models/create", name="words-model")
    server.post("/registered-models/create", name="words-prompt", tags=prompt)

    again = server.post("/registered-models/create", name="words-prompt", tags=prompt)
    over_model = server.post("/registered-models/create", name="words-model", tags=prompt)
    over_prompt = server.post("/registered-models/create", name="words-prompt")

    refused(again, 400, TAKEN, "Prompt (name=words-prompt) already exists")
    refused(over_model, 400, TAKEN, "Tried to create a prompt with name 'words-model'")
    refused(over_prompt, 400, TAKEN, "the name is already taken by a prompt")


def test_a_param_that_changes_is_told_as_mlflow_does(server: Server) -> None:
    """Its key, what it was, and what it should have become."""
    run_id = server.a_run()
    server.post("/runs/log-parameter", run_id=run_id, key="lr", value="1")

    answer = server.post("/runs/log-parameter", run_id=run_id, key="lr", value="2")

    words = "Changing param values is not allowed. Param with key='lr' was already logged with "
    refused(answer, 400, INVALID, words, "value='1'", "new value '2'")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("a!b", "Names may only contain alphanumerics"),
        ("a/../b", "Names may be treated as files in certain cases"),
        ("k" * 251, "exceeds the maximum length of 250 characters"),
    ],
)
def test_a_key_is_refused_in_mlflows_words(server: Server, key: str, words: str) -> None:
    """As a metric, a param and a tag, alone and in a batch."""
    run_id = server.a_run()
    point = {"key": key, "value": 1.0, "timestamp": 1}

    for answer in (
        server.post("/runs/log-metric", run_id=run_id, **point),
        server.post("/runs/log-parameter", run_id=run_id, key=key, value="v"),
        server.post("/runs/set-tag", run_id=run_id, key=key, value="v"),
        server.post("/runs/log-batch", run_id=run_id, metrics=[point]),
    ):
        refused(answer, 400, INVALID, words)


def test_what_describes_an_input_is_refused_in_mlflows_words(server: Server) -> None:
    """By the part of it that is too long."""
    run_id = server.a_run()
    dataset = {"name": "n", "digest": "d", "source_type": "s", "source": "s"}

    def log(tag: dict[str, str], **changes: str) -> object:
        return server.post(
            "/runs/log-inputs",
            run_id=run_id,
            datasets=[{"dataset": {**dataset, **changes}, "tags": [tag]}],
        )

    fine = {"key": "k", "value": "v"}
    refused(
        log({**fine, "key": "k" * 256}), 400, INVALID, "'key' exceeds the maximum length of 255"
    )
    refused(log({**fine, "value": "v" * 501}), 400, INVALID, "'value' exceeds the maximum length")
    refused(log(fine, name="n" * 501), 400, INVALID, "'name' exceeds the maximum length of 500")
    refused(log(fine, digest="d" * 37), 400, INVALID, "'digest' exceeds the maximum length of 36")


def test_more_inputs_than_a_page_are_one_request(server: Server) -> None:
    """A script that logs thousands of shards sends them at once."""
    run_id = server.a_run()
    made = {"digest": "d", "source_type": "s", "source": "s"}
    inputs = [{"dataset": {**made, "name": f"shard {n}"}} for n in range(1_001)]

    assert server.post("/runs/log-inputs", run_id=run_id, datasets=inputs).json() == {}
    assert len(server.run(run_id)["inputs"]["dataset_inputs"]) == 1_001


def test_two_names_of_a_run_are_told_as_mlflow_does(server: Server) -> None:
    """The argument and the tag, both with what they say."""
    answer = server.post(
        "/runs/create",
        experiment_id="0",
        run_name="a",
        tags=[COMMIT_TAG, {"key": "mlflow.runName", "value": "b"}],
    )

    words = (
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
        "values (run_name='a', mlflow.runName='b')"
    )
    refused(answer, 400, INVALID, words)


def test_a_message_without_words_of_mlflow_stays_as_it_is() -> None:
    """Nothing is put in front of what MLflow does not know."""
    assert reworded(InvalidArgument("Say which.", field="gate")) == "Say which."
    assert (
        reworded(NotFound("Gate 'x' does not exist.", field="gate")) == "Gate 'x' does not exist."
    )


def test_quotes_in_names_are_shown_as_they_were_sent() -> None:
    """What our message shows as a literal is read as one, braces and all."""
    name = "it{0}s \" and '"
    error = NotFound(f"Registered model {name!r} does not exist.", field="model")

    assert reworded(error) == "Registered Model with name=it{0}s \" and ' not found."


def test_an_id_of_no_object_says_what_was_not_found() -> None:
    """The rule that it breaks follows."""
    error = MalformedId("run_id must be letters.", field="run_id", given="!")

    assert reworded(error) == "Run with id=! not found: run_id must be letters."
