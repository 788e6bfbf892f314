"""The adversarial lineage cases as bytes on the wire: what is refused, and what comes out exactly."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import assay
from assay.domain.errors import InvalidArgument
from assay.sdk.client import Client
from assay.sdk.errors import ApiError
from tests.support.server import LiveServer

RUN = "c" * 32
LINEAGE: dict[str, Any] = {
    "data_version": "md5:c7f0ef53f06f653f79d3a6a36dcfd39b.dir",
    "code_commit": "baa00d11c1df89de1f90a6f2a20cf72c9dd51c57",
    "config": {"lr": 1e-05},
    "base_model": "qwen2.5-0.5b",
    "seed": 42,
}
SOURCES = Path(__file__).parents[3] / "src"
REFERENCE = (
    "import hashlib, json, sys\n"
    "for line in sys.stdin:\n"
    "    text = json.dumps(json.loads(line), sort_keys=True, separators=(',', ':'))\n"
    "    print(hashlib.sha256(text.encode()).hexdigest())\n"
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a live server with one run that has a file."""
    with (
        LiveServer(tmp_path_factory.mktemp("refusals") / "data") as server,
        Client(server.url, retries=0) as found,
    ):
        found.post("/runs", {"experiment": "e", "run_id": RUN})
        found.request("PUT", f"/runs/{RUN}/files/model/w.bin", content=b"weights")
        yield found


def send(client: Client, body: bytes) -> dict[str, Any]:
    """Register with exactly these bytes as the body."""
    answer = client.request(
        "POST",
        "/models/m/versions",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    made: dict[str, Any] = answer.json
    return made


def body_of(lineage: str) -> bytes:
    return f'{{"run_id":"{RUN}","artifact_path":"model","lineage":{lineage}}}'.encode()


def raw(**fields: str) -> str:
    """The lineage as JSON, with some fields replaced by text that stands there as it is."""
    members = {name: json.dumps(value) for name, value in LINEAGE.items()} | fields
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"


def register(client: Client, **fields: str) -> dict[str, Any]:
    return send(client, body_of(raw(**fields)))


def fp(client: Client, config: str) -> str:
    return str(register(client, config=config)["fingerprint"])


def refused(client: Client, body: bytes) -> ApiError:
    """The refusal, which is a 4xx that names a field and leaves no version behind."""
    before = versions(client)
    with pytest.raises(ApiError) as caught:
        send(client, body)
    assert caught.value.status in {413, 422}, caught.value
    assert versions(client) == before
    return caught.value


def versions(client: Client) -> list[int]:
    found = client.get("/versions", max_results=1000)["versions"]
    return [version["version"] for version in found]


def denied(client: Client) -> int:
    events = client.get("/ledger", action="version.registered", max_results=1000)["events"]
    return sum(event["outcome"] == "denied" for event in events)


@pytest.mark.parametrize("field", list(LINEAGE))
@pytest.mark.parametrize("nothing", ["absent", "null", '""', '"  "'])
def test_l1_what_says_nothing_is_refused_by_name(client: Client, field: str, nothing: str) -> None:
    """422 naming the field, nothing written, one denied event in the ledger."""
    members = {name: value for name, value in LINEAGE.items() if name != field}
    text = json.dumps(members) if nothing == "absent" else raw(**{field: nothing})
    before = denied(client)

    refusal = refused(client, body_of(text))

    assert (refusal.status, refusal.field) == (422, field)
    assert denied(client) == before + 1


@pytest.mark.parametrize("seed", ["true", "false"])
def test_l3_a_bool_is_no_seed(client: Client, seed: str) -> None:
    """Refused, since many programs would read it as a number."""
    assert refused(client, body_of(raw(seed=seed))).field == "seed"


def test_l5_a_float_is_another_seed(client: Client) -> None:
    """42.0 is not 42."""
    assert register(client, seed="42.0")["fingerprint"] != register(client)["fingerprint"]


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63, 2**64, 10**30])
def test_l6_a_big_seed_is_exact(client: Client, seed: int) -> None:
    """To the last digit, beyond what a double can hold."""
    made = register(client, seed=str(seed))

    assert json.loads(made["lineage_canonical"])["seed"] == seed


def test_l7_an_endless_seed_is_a_refusal(client: Client) -> None:
    """5,000 digits are a 422 and not a fault of the server."""
    assert refused(client, body_of(raw(seed="7" * 5_000))).field == "seed"


def test_l10_the_order_of_a_list_counts(client: Client) -> None:
    """Lists are not sets."""
    assert fp(client, '{"a":[1,2]}') != fp(client, '{"a":[2,1]}')


def test_l12_an_integer_a_float_and_a_truth_differ(client: Client) -> None:
    """1, 1.0 and true are three configurations."""
    assert len({fp(client, f'{{"a":{text}}}') for text in ("1", "1.0", "true")}) == 3


def test_l13_neighbouring_doubles_differ(client: Client) -> None:
    """0.1 + 0.2 is not 0.3."""
    assert fp(client, '{"a":0.30000000000000004}') != fp(client, '{"a":0.3}')


def test_l14_three_zeros_differ(client: Client) -> None:
    """-0.0, 0.0 and 0."""
    assert len({fp(client, f'{{"a":{text}}}') for text in ("-0.0", "0.0", "0")}) == 3


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1e16", "1e+16"),
        ("1e21", "1e+21"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ],
)
def test_l15_extreme_floats_have_the_reference_form(
    client: Client, text: str, canonical: str
) -> None:
    """As Python prints them."""
    made = register(client, config=f'{{"a":{text}}}')

    assert f'"config":{{"a":{canonical}}}' in made["lineage_canonical"]


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("1e400", id="l16"),
        pytest.param("NaN", id="l17-nan"),
        pytest.param("Infinity", id="l17-infinity"),
        pytest.param("-Infinity", id="l17-minus-infinity"),
    ],
)
def test_l16_l17_a_number_that_is_none_is_refused(client: Client, number: str) -> None:
    """Many parsers would let it through as infinity."""
    refused(client, body_of(raw(config=f'{{"a":{number}}}')))


def test_l18_composed_and_decomposed_letters_differ(client: Client) -> None:
    """Nothing is normalised."""
    assert fp(client, '{"a":"\u00e9"}') != fp(client, '{"a":"e\u0301"}')


def test_l19_keys_are_sorted_by_code_point(client: Client) -> None:
    """U+FB33 comes before an emoji here, and after it in UTF-16 order."""
    made = register(client, config='{"\U0001f600":2,"\ufb33":1}')

    assert '"config":{"\\ufb33":1,"\\ud83d\\ude00":2}' in made["lineage_canonical"]


def test_l20_awkward_characters_have_the_reference_form(client: Client) -> None:
    """DEL is raw in JSON and escaped by nobody but the rules of the reference text."""
    value = "\x7f\u2028</script>"
    made = register(client, config=json.dumps({"a": value}, ensure_ascii=False))

    assert json.dumps({"a": value}, separators=(",", ":")) in made["lineage_canonical"]


def test_l21_half_a_character_is_refused_and_a_whole_one_has_one_form(client: Client) -> None:
    """An escaped pair and the character itself are the same."""
    refused(client, body_of(raw(config='{"a":"\\ud800"}')))

    assert fp(client, '{"a":"\\ud83d\\ude00"}') == fp(client, '{"a":"\U0001f600"}')


@pytest.mark.parametrize("config", ['{"a\\u0000":1}', '{"a":"\\u0000"}'])
def test_l22_nul_is_refused(client: Client, config: str) -> None:
    """In a key and in a value: a database would cut there."""
    refused(client, body_of(raw(config=config)))


@pytest.mark.parametrize("config", ['{"a":1,"a":2}', '{"x":{"a":1,"a":1}}'])
def test_l23_a_key_that_comes_twice_is_refused(client: Client, config: str) -> None:
    """At any depth, even with the same value; and at the top."""
    refused(client, body_of(raw(config=config)))
    refused(client, body_of(raw()[:-1] + ',"seed":42}'))


@pytest.mark.parametrize("key", ["__proto__", "", "constructor"])
def test_l24_odd_keys_are_ordinary_keys(client: Client, key: str) -> None:
    """Kept as they are."""
    made = register(client, config=json.dumps({key: 1}))

    assert json.loads(made["lineage_canonical"])["config"] == {key: 1}


def test_l25_sixty_four_levels_and_no_more(client: Client) -> None:
    """However deep it is, the answer is a refusal and not a fault."""
    # Two levels are the record and its config.
    register(client, config='{"a":' + "[" * 62 + "]" * 62 + "}")
    for depth in (63, 1_000, 100_000):
        refused(client, body_of(raw(config='{"a":' + "[" * depth + "]" * depth + "}")))


def _pythons(oldest: tuple[int, int]) -> list[str]:
    """This interpreter, and those of other versions that are found and can run."""
    found = [sys.executable]
    for minor in range(oldest[1], 15):
        name = shutil.which(f"python3.{minor}")
        places = [name, *map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))]
        for place in places:
            if place is None or minor == sys.version_info.minor:
                continue
            if subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode == 0:
                found.append(place)
                break
    return found


def test_l25_every_supported_python_has_the_same_limit() -> None:
    """The parser's own limit differs from version to version; ours comes first."""
    script = (
        "from assay.domain.canonical import parse_strict\n"
        "from assay.domain.errors import InvalidArgument\n"
        "parse_strict('[' * 64 + ']' * 64)\n"
        "for depth in (65, 1000, 100000):\n"
        "    try:\n"
        "        parse_strict('[' * depth + ']' * depth)\n"
        "    except InvalidArgument:\n"
        "        print(depth)\n"
    )
    for python in _pythons((3, 11)):
        done = subprocess.run(
            [python, "-S", "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        assert done.stdout.split() == ["65", "1000", "100000"], python


def test_l26_a_mebibyte_and_no_more(client: Client) -> None:
    """The canonical text at the limit is kept whole; one byte more is refused."""
    spare = (1 << 20) - len(json.dumps(LINEAGE | {"config": {"a": ""}}, separators=(",", ":")))

    made = register(client, config=json.dumps({"a": "x" * spare}, separators=(",", ":")))

    assert len(made["lineage_canonical"]) == 1 << 20
    refused(client, body_of(raw(config=json.dumps({"a": "x" * (spare + 1)}))))


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + body_of(raw()),
        body_of(raw()).decode().encode("utf-16"),
        body_of(raw(config='{"a":"?"}')).replace(b"?", b"\xff"),
    ],
    ids=["bom", "utf-16", "bad-utf-8"],
)
def test_l27_only_plain_utf8_is_read(client: Client, body: bytes) -> None:
    """Nothing is guessed."""
    refused(client, body)


def test_l29_l30_l31_the_client_refuses_what_json_would_change() -> None:
    """Integer keys and array scalars are refused before they are sent; a tuple is a list."""

    def lineage(config: Any) -> str:
        return assay.Lineage(**{**LINEAGE, "config": config}).fingerprint().hex

    for config in ({1: "a"}, {"a": {2: 1}}, {"a": np.float32(0.1)}, {"a": np.int64(1)}):
        with pytest.raises(InvalidArgument):
            lineage(config)
    assert lineage({"a": (1, 2)}) == lineage({"a": [1, 2]})
    assert lineage({"a": np.float64(0.1)}) == lineage({"a": 0.1})


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
)
_KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=10)
_CONFIGS = st.dictionaries(
    _KEYS,
    st.recursive(
        _SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


@settings(max_examples=25)
@given(config=_CONFIGS)
def test_l37_the_server_agrees_with_the_reference_of_every_python(
    client: Client, references: list[subprocess.Popen[str]], config: dict[str, Any]
) -> None:
    """Any value of the domain has the fingerprint that three lines of Python give it elsewhere."""
    made = register(client, config=json.dumps(config))
    record = json.dumps({**LINEAGE, "config": config})

    assert made["fingerprint"] == hashlib.sha256(made["lineage_canonical"].encode()).hexdigest()
    for reference in references:
        assert reference.stdin is not None
        assert reference.stdout is not None
        reference.stdin.write(record + "\n")
        reference.stdin.flush()
        assert reference.stdout.readline().strip() == made["fingerprint"]


@pytest.fixture(scope="module")
def references() -> Iterator[list[subprocess.Popen[str]]]:
    """The reference, running in every Python that is found here."""
    running = [
        subprocess.Popen(
            [python, "-u", "-c", REFERENCE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for python in _pythons((3, 8))
    ]
    try:
        yield running
    finally:
        for process in running:
            process.communicate()
