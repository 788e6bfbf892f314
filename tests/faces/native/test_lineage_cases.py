"""The adversarial lineage cases that need a server, by their numbers, on both databases."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from assay.domain.fingerprint import fingerprint
from assay.sdk.client import Client
from assay.sdk.errors import ApiError
from tests.support.databases import PostgresqlCluster
from tests.support.server import LiveServer

RUN = "b" * 32
LINEAGE: dict[str, Any] = {
    "data_version": "md5:c7f0ef53f06f653f79d3a6a36dcfd39b.dir",
    "code_commit": "baa00d11c1df89de1f90a6f2a20cf72c9dd51c57",
    "config": {"lr": 1e-05, "beta": 0.1, "epochs": 3, "name": "dpo-é"},
    "base_model": "qwen2.5-0.5b",
    "seed": 42,
}
GOLDEN = "fe7eb911fb94cec4586006f03fccc49a39eb2d9688a076e9c8b031a06d066164"
TRICKY = {
    "n": 2**53 + 1,
    "big": 10**30,
    "f": 1e16,
    "z": -0.0,
    "d": "\u007f\u2028</script>",
    "\ufb33": 1,
    "\U0001f600": 2,
    "": {"__proto__": [1, 1.0, True, 0.1 + 0.2, 5e-324]},
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A client of a server on each database, with one run that has a file."""
    flags: tuple[str, ...] = ()
    if request.param == "postgresql":
        cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
        flags = ("--database", cluster.url(cluster.create()))
    with (
        LiveServer(tmp_path_factory.mktemp("lineage") / "data", *flags) as server,
        Client(server.url, retries=0) as found,
    ):
        found.post("/runs", {"experiment": "e", "run_id": RUN})
        found.request("PUT", f"/runs/{RUN}/files/model/w.bin", content=b"weights")
        yield found


def register(client: Client, model: str, lineage: object) -> dict[str, Any]:
    """Register the run's folder with a lineage."""
    body = {"run_id": RUN, "artifact_path": "model", "lineage": lineage}
    made: dict[str, Any] = client.post(f"/models/{model}/versions", body)
    return made


def register_raw(client: Client, model: str, lineage: str) -> dict[str, Any]:
    """The same, with the lineage's JSON exactly as it is written."""
    body = f'{{"run_id": "{RUN}", "artifact_path": "model", "lineage": {lineage}}}'
    answer = client.request(
        "POST",
        f"/models/{model}/versions",
        content=body.encode(),
        headers={"Content-Type": "application/json"},
    )
    made: dict[str, Any] = answer.json
    return made


def test_l0_the_golden_record_has_its_fingerprint(client: Client) -> None:
    """The published fingerprint comes out of the server."""
    assert register(client, "golden", LINEAGE)["fingerprint"] == GOLDEN


def test_l2_seed_zero_is_a_seed(client: Client) -> None:
    """0 is present."""
    made = register(client, "zero", {**LINEAGE, "seed": 0})

    assert made["lineage"]["seed"] == 0


def test_l4_l5_the_type_of_a_number_tells_lineages_apart(client: Client) -> None:
    """42, 42.0 and "42" are three lineages."""
    made = {register(client, "types", {**LINEAGE, "seed": s})["fingerprint"] for s in (42, "42")}
    raw = json.dumps({**LINEAGE, "seed": 0}).replace('"seed": 0', '"seed": 42.0')

    made.add(register_raw(client, "types", raw)["fingerprint"])

    assert len(made) == 3


def test_l8_l9_the_order_of_keys_does_not_matter(client: Client) -> None:
    """Shuffled keys, outside and inside, are the same lineage."""
    shuffled = {
        name: dict(reversed(value.items())) if isinstance(value, dict) else value
        for name, value in reversed(LINEAGE.items())
    }

    assert register(client, "shuffled", shuffled)["fingerprint"] == GOLDEN


def test_l11_the_spelling_of_a_float_does_not_matter(client: Client) -> None:
    """1e-5, 0.00001 and 1E-05 are one number."""
    for spelling in ("1e-5", "0.00001", "1E-05"):
        raw = json.dumps(LINEAGE).replace("1e-05", spelling)
        assert register_raw(client, "spelling", raw)["fingerprint"] == GOLDEN


def test_l28_a_sixth_key_is_an_annotation(client: Client) -> None:
    """Kept beside the hash, never in it."""
    made = register(client, "sixth", {**LINEAGE, "note": {"by": "me"}})

    assert made["fingerprint"] == GOLDEN
    assert made["annotations"]["note"] == {"by": "me"}


def test_l32_the_text_comes_back_byte_for_byte(client: Client) -> None:
    """What the database kept is the reference text, on either engine."""
    lineage = {**LINEAGE, "config": TRICKY}

    made = register(client, "tricky", lineage)

    reference = json.dumps(
        {name: lineage[name] for name in LINEAGE}, sort_keys=True, separators=(",", ":")
    )
    again = client.get(f"/models/tricky/versions/{made['version']}")
    assert again["lineage_canonical"] == reference
    assert again["fingerprint"] == hashlib.sha256(reference.encode()).hexdigest()
    assert again["fingerprint"] == fingerprint(lineage).hex


def test_l33_a_javascript_client_hashes_the_text(client: Client) -> None:
    """JavaScript cannot rebuild the record, but the served text has the fingerprint."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    made = register(client, "javascript", {**LINEAGE, "config": TRICKY})
    script = (
        "const {createHash} = require('crypto');"
        "const made = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "process.stdout.write(createHash('sha256').update(made.lineage_canonical).digest('hex'));"
    )

    done = subprocess.run(
        [node, "-e", script], input=json.dumps(made), capture_output=True, text=True, check=True
    )

    assert done.stdout == made["fingerprint"]


def test_l34_tags_do_not_touch_the_lineage(client: Client) -> None:
    """A tag that looks like lineage changes nothing about a registered version."""
    made = register(client, "tagged", LINEAGE)
    path = f"/models/tagged/versions/{made['version']}"

    client.patch(path, {"tags": {"assay.lineage.seed": "7"}, "description": "seed 7"})

    after = client.get(path)
    assert after["fingerprint"] == GOLDEN
    assert after["lineage"]["seed"] == 42


@pytest.mark.parametrize("field", ["lineage", "fingerprint", "artifact_digest", "run_id"])
def test_l35_a_registered_lineage_cannot_be_patched(client: Client, field: str) -> None:
    """There is no such field to change."""
    made = register(client, "patched", LINEAGE)
    path = f"/models/patched/versions/{made['version']}"

    with pytest.raises(ApiError) as refusal:
        client.patch(path, {field: "x"})

    assert refusal.value.status == 422
    assert refusal.value.field == field
    assert client.get(path)["fingerprint"] == GOLDEN


def test_l36_one_lineage_registered_twice_is_two_versions(client: Client) -> None:
    """Both are found by their fingerprint."""
    made = [register(client, "twice", {**LINEAGE, "seed": 36})["version"] for _ in range(2)]
    wanted = fingerprint({**LINEAGE, "seed": 36}).hex

    found = client.get("/models/twice/versions", lineage_fp=wanted)["versions"]

    assert sorted(version["version"] for version in found) == made == [1, 2]
