import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.filters import (
    MAX_CLAUSES,
    MAX_FILTER,
    MAX_LIST,
    MAX_ORDERS,
    Comparison,
    Field,
    Grammar,
    OrderBy,
    parse_field,
    parse_filter,
    parse_order_by,
)
from assay.domain.grammars import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
)

GRAMMARS = [RUNS, EXPERIMENTS, REGISTERED_MODELS, MODEL_VERSIONS, LOGGED_MODELS]
words = st.sampled_from(
    ["metrics", "params.", "tags.a", "attributes", ".", "`", '"', "'", "a b", "run_id", "status",
     "=", "!=", ">", "<=", "LIKE", "ilike", "IN", "NOT", "IS", "NULL", "AND", "and", "OR", "(", ")",
     ",", "1", "-2.5e3", "nan", ";", "--", "/*", "\\", "é", " ", "\n", "\t", "name", "x"]
)  # fmt: skip


def one(text: str, grammar: Grammar = RUNS) -> tuple[str, str, str, Any]:
    """The only clause of a filter."""
    (clause,) = parse_filter(text, grammar)
    return clause.entity, clause.key, clause.operator, clause.value


@given(st.text(max_size=80) | st.lists(words, max_size=25).map(" ".join), st.sampled_from(GRAMMARS))
@example("metrics.a > 1e99999", RUNS)
@example("tags.a = 'x' AND", RUNS)
def test_any_text_is_parsed_or_refused_politely(text: str, grammar: Grammar) -> None:
    """Whatever a user types, the answer is clauses or a refusal that names the place."""
    for parse, argument, place in (
        (parse_filter, text, "filter"),
        (parse_order_by, [text], "order_by"),
        (parse_field, text, "order_by"),
    ):
        error = None
        try:
            parse(argument, grammar)  # type: ignore[operator]
        except InvalidArgument as refusal:
            error = refusal
        assert error is None or (error.field == place and len(error.message) < 1_000)


keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="`\0"), min_size=1,
               max_size=40)  # fmt: skip
quoted = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'\0"), max_size=40)


@given(
    st.lists(
        st.tuples(keys, st.sampled_from(["=", "!=", ">", ">=", "<", "<="]),
                  st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60))
        | st.tuples(keys, st.sampled_from(["=", "!=", "LIKE", "ILIKE"]), quoted)
        | st.tuples(keys, st.sampled_from(["IS NULL", "IS NOT NULL"]), st.none()),
        min_size=1,
        max_size=6,
    )
)  # fmt: skip
def test_what_is_written_is_what_is_read(clauses: list[tuple[str, str, Any]]) -> None:
    """Any key in backticks with any value comes back as the same clause."""
    expected, written = [], []
    for key, operator, value in clauses:
        if value is None:
            written.append(f"tags.`{key}` {operator}")
            expected.append(Comparison("tag", key, operator, None))  # type: ignore[arg-type]
        elif isinstance(value, str):
            written.append(f"params.`{key}` {operator} '{value}'")
            expected.append(Comparison("param", key, operator, value))  # type: ignore[arg-type]
        else:
            written.append(f"metrics.`{key}` {operator} {value!r}")
            expected.append(Comparison("metric", key, operator, float(value)))  # type: ignore[arg-type]

    assert tuple(expected) == parse_filter(" AND ".join(written), RUNS)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("metrics.acc > 0.9", ("metric", "acc", ">", 0.9)),
        ("metric.acc>=-1", ("metric", "acc", ">=", -1.0)),
        ("metrics.`train/loss` <= 1e-3", ("metric", "train/loss", "<=", 1e-3)),
        ('metrics."a b" != .5', ("metric", "a b", "!=", 0.5)),
        ("params.lr = '1e-05'", ("param", "lr", "=", "1e-05")),
        ('parameters.lr like "%5"', ("param", "lr", "LIKE", "%5")),
        ("tags.mlflow.source.name ilike 'x'", ("tag", "mlflow.source.name", "ILIKE", "x")),
        ("tag.a is  not\nnull", ("tag", "a", "IS NOT NULL", None)),
        ("params.a IS NULL", ("param", "a", "IS NULL", None)),
        ("run_id IN ('a', \"b\")", ("attribute", "run_id", "IN", ("a", "b"))),
        ("attributes.run_id not in ('a',)", ("attribute", "run_id", "NOT IN", ("a",))),
        ("attr.status = 'RUNNING'", ("attribute", "status", "=", "running")),
        ("run.user_id != ''", ("attribute", "user_id", "!=", "")),
        ("`Run Name` LIKE 'x%'", ("attribute", "run_name", "LIKE", "x%")),
        ("attribute.\"run name\" = 'x'", ("attribute", "run_name", "=", "x")),
        ("Created > 5", ("attribute", "start_time", ">", 5)),
        ("end_time <= 1.5e3", ("attribute", "end_time", "<=", 1500.0)),
        ("datasets.context = 'train'", ("dataset", "context", "=", "train")),
        ("dataset.name IN ('a')", ("dataset", "name", "IN", ("a",))),
        ("params.a = 'it''s'", ("param", "a", "=", "it''s")),
        ("params.a = 'b\\'", ("param", "a", "=", "b\\")),
    ],
)
def test_the_forms_of_a_clause(text: str, clause: tuple[Any, ...]) -> None:
    """Entities, quotes, operators and values in every legal spelling."""
    found = one(text)
    assert clause == found
    assert type(clause[3]) is type(found[3])


@pytest.mark.parametrize(
    "text",
    [
        " ", "\n", "metrics.a", "metrics.a >", "metrics.a > 'x'", "metrics.a > nan", "metrics.a = inf",
        "metrics.a > 1e400", "metrics.a LIKE '1'", "metrics.a IS NULL", "metrics.a > 1 OR run_id = 'x'",
        "NOT metrics.a > 1", "(metrics.a > 1)", "metrics.a BETWEEN 1 AND 2", "metrics.a > 1;",
        "metrics.a > 1 AND", "AND metrics.a > 1", "metrics.a > 1 metrics.b > 1", "metrics.a > 1 -- x",
        "params.a = 3", "params.a = x", "params.a > '1'", "params.a RLIKE 'x'", "params.a == 'x'",
        "params.a <> 'x'", "params.a IN ('x')", "params.a = 'x", "params.`a = 'x'", "params. = 'x'",
        "params.`` = 'x'", "foo.bar = 'x'", "bogus = 'x'", "lifecycle_stage = 'x'",
        "experiment_id = '1'", "run_id IN ()", "run_id IN 'a'", "run_id IN ('a'", "run_id IN (1)",
        "user_id IN ('a')", "start_time > '5'", "status IS NULL", "dataset.schema = 'x'",
        "tags.a = 'x\0'", "tags.a = '\ud800'", "metrics.a > 1_000", "metrics.a-b > 1",
    ],
)  # fmt: skip
def test_everything_else_is_refused(text: str) -> None:
    """What the language has not is an error on `filter`, never a guess."""
    with pytest.raises(InvalidArgument) as caught:
        parse_filter(text, RUNS)
    assert caught.value.field == "filter"


def test_an_empty_filter_matches_everything() -> None:
    """No text, no clauses."""
    assert parse_filter("", RUNS) == ()


def test_every_subject_has_its_own_keys() -> None:
    """A key of one search is unknown in another."""
    assert one("name ILIKE 'x'", EXPERIMENTS)[:2] == ("attribute", "name")
    assert one("creation_time > 5", EXPERIMENTS)[3] == 5
    assert one("experiment_id IN ('1')", EXPERIMENTS)[3] == ("1",)
    assert one("tags.a IS NULL", EXPERIMENTS)[2] == "IS NULL"
    assert one("tags.a = 'x'", REGISTERED_MODELS)[0] == "tag"
    assert one("version_number >= 3", MODEL_VERSIONS)[3] == 3
    assert one("status IN ('READY')", LOGGED_MODELS)[3] == ("ready",)
    assert one("creation_time < 5", LOGGED_MODELS)[1] == "creation_timestamp"
    for text, grammar in (
        ("metrics.a > 1", EXPERIMENTS),
        ("creation_time > 1.5", EXPERIMENTS),
        ("creation_time > 99999999999999999999", EXPERIMENTS),
        ("experiment_id LIKE '1'", EXPERIMENTS),
        ("tags.a IS NULL", REGISTERED_MODELS),
        ("run_id = 'x'", REGISTERED_MODELS),
        ("version_number > '3'", MODEL_VERSIONS),
        ("tags.a IS NULL", LOGGED_MODELS),
        ("status LIKE 'R%'", LOGGED_MODELS),
    ):
        with pytest.raises(InvalidArgument):
            parse_filter(text, grammar)


def test_a_filter_is_bounded() -> None:
    """Length, clauses and lists have limits, and the limits themselves pass."""
    clause = "run_id = 'x'"
    assert len(parse_filter(" AND ".join([clause] * MAX_CLAUSES), RUNS)) == MAX_CLAUSES
    items = ",".join(["'x'"] * MAX_LIST)
    assert len(one(f"run_id IN ({items})")[3]) == MAX_LIST
    for text in (
        " AND ".join([clause] * (MAX_CLAUSES + 1)),
        f"run_id IN ({items},'x')",
        "run_id = '" + "x" * MAX_FILTER + "'",
        f"params.`{'k' * 251}` = 'x'",
    ):
        with pytest.raises(InvalidArgument):
            parse_filter(text, RUNS)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("metrics.acc DESC", OrderBy("metric", "acc", ascending=False)),
        ("metrics.`a b` desc", OrderBy("metric", "a b", ascending=False)),
        ('params."a b"', OrderBy("param", "a b")),
        (" tags.x  ASC ", OrderBy("tag", "x")),
        ("metrics.eval/acc", OrderBy("metric", "eval/acc")),
        ("Created DESC", OrderBy("attribute", "start_time", ascending=False)),
        ("attributes.end_time", OrderBy("attribute", "end_time")),
    ],
)
def test_the_forms_of_an_order(text: str, order: OrderBy) -> None:
    """A key, and a direction that defaults to ascending."""
    assert parse_order_by([text], RUNS) == (order,)


@pytest.mark.parametrize(
    "texts",
    [[""], [" "], ["a b c"], ["metrics.a UP"], ["dataset.name"], ["bogus"], ["metrics.a, metrics.b"],
     ["start_time", "created DESC"], ["metrics.a", "metrics.`a`"], ["metrics.a"] * (MAX_ORDERS + 1),
     ["metrics.a;"], ["x" * (MAX_FILTER + 1)]],
)  # fmt: skip
def test_other_orders_are_refused(texts: list[str]) -> None:
    """Unknown keys, several keys in one text, and the same key twice, also under another name."""
    with pytest.raises(InvalidArgument) as caught:
        parse_order_by(texts, RUNS)
    assert caught.value.field == "order_by"


def test_tags_of_experiments_and_models_are_not_orders() -> None:
    """Only runs and logged models are ordered by what users attach to them."""
    for grammar in (EXPERIMENTS, REGISTERED_MODELS, MODEL_VERSIONS):
        with pytest.raises(InvalidArgument):
            parse_order_by(["tags.a"], grammar)
    assert parse_order_by(["timestamp"], REGISTERED_MODELS)[0].key == "last_updated_timestamp"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.a >", "'a' is compared with a number. Found nothing more."),
        ("metrics.a > x", "'a' is compared with a number. Found: 'x' at character 13."),
        ("run_id = 'x' AND", "or run_id (the filter ends here)."),
    ],
)
def test_a_refusal_says_what_was_found_instead(text: str, message: str) -> None:
    """Who types a filter sees where it went wrong, also when it stops too early."""
    with pytest.raises(InvalidArgument) as caught:
        parse_filter(text, RUNS)
    assert message in caught.value.message


def test_a_field_name_stands_alone() -> None:
    """Where the direction is given elsewhere, only the key is read."""
    assert parse_field("metrics.acc", LOGGED_MODELS) == Field("metric", "acc")
    assert parse_field("creation_time", LOGGED_MODELS).key == "creation_timestamp"
    with pytest.raises(InvalidArgument):
        parse_field("metrics.acc DESC", LOGGED_MODELS)


def test_numbers_keep_their_kind() -> None:
    """Metrics compare as doubles, moments as whole numbers where they are."""
    assert math.isclose(one("metrics.a = 3")[3], 3.0)
    assert isinstance(one("start_time = 3")[3], int)
    assert isinstance(one("start_time = 99999999999999999999")[3], float)
