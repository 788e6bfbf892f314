"""The registry's routes, from a suite's upload to the proof of everything, byte for byte."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assay.bundles.archive import pack
from assay.bundles.suite_folder import read_suite_folder
from assay.domain.access import LOCAL_OWNER, Actor
from assay.domain.fingerprint import fingerprint
from assay.faces.dispatch import Dispatcher
from assay.faces.native.routes import ENDPOINTS
from assay.storage.database import Database
from tests.support.native_app import ask, native_app
from tests.support.office import CONTRIBUTOR, LINEAGE, MODEL, RUNNER, Office, rows
from tests.support.suite_folders import write_suite

SUITE = """
name = "exam"
[[tasks]]
metrics = [
  { name = "accuracy", direction = "maximize", low = 0, high = 1 },
  { name = "latency", direction = "minimize", low = 0 },
]
"""
QUESTIONS = [{"id": f"q{i:03d}", "input": f"{i}", "reference": f"{i}"} for i in range(10)]


class Api:
    """The native face in this process; `actor` is who asks."""

    def __init__(self, office: Office) -> None:
        self.actor: Actor = LOCAL_OWNER
        services = {
            name: getattr(office.services, name)
            for name in office.services.__slots__
            if name != "platform"
        }
        self.app: Dispatcher = native_app(
            office.platform, ENDPOINTS, lambda: self.actor, **services
        )

    def __call__(
        self, method: str, path: str, body: object = None, actor: Actor = LOCAL_OWNER, **more: Any
    ) -> httpx2.Response:
        """One request by `actor`."""
        self.actor = actor
        if body is not None:
            more["json"] = body
        return ask(self.app, method, f"/api/v1{path}", **more)


@pytest.fixture
def office(tmp_path: Path, sqlite_database: Database) -> Office:
    """An office without a gate."""
    return Office(tmp_path, sqlite_database)


@pytest.fixture
def api(office: Office) -> Api:
    """Its native face."""
    return Api(office)


@pytest.fixture
def bundle(tmp_path: Path) -> bytes:
    """A packed suite of ten questions."""
    folder = write_suite(tmp_path / "suite", suite=SUITE, items=QUESTIONS)
    archive = io.BytesIO()
    pack(read_suite_folder(folder), archive)
    return archive.getvalue()


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def examined(api: Api, version: int, right: int) -> dict[str, Any]:
    """A version's verdict, by a runner over the wire."""
    asked = api("POST", "/gate-runs", {"model": MODEL, "version": version})
    assert asked.status_code == 201
    lease = api("POST", "/gate-runs/lease", {"seconds": 60}, RUNNER).json()["lease"]
    body = {"nonce": lease["nonce"], "fence": lease["fence"], "rows": rows(right)}
    path = f"/gate-runs/{lease['gate_run']['gate_run_id']}/rows"
    verdict: dict[str, Any] = api("POST", path, body, RUNNER).json()
    return verdict


def gated(api: Api, bundle: bytes, threshold: object = "0.5") -> dict[str, Any]:
    """A suite and a gate on it, over the wire."""
    suite = api("POST", "/suites", content=bundle).json()
    spec = {"suite": suite["fingerprint"], "metric": "accuracy", "threshold": threshold}
    made = api("POST", "/gates", {"name": "holdout", "spec": spec})
    assert made.status_code == 201, made.text
    gate: dict[str, Any] = made.json()
    return gate


def test_the_whole_job_over_the_wire(api: Api, office: Office, bundle: bytes) -> None:
    """Suite, gate, registration, hold, exam, promotion, resolve, rollback, audit."""
    gate = gated(api, bundle)
    run = office.a_run({"model/w.bin": b"one"})
    made = api("POST", f"/models/{MODEL}/versions", {"run_id": run, "artifact_path": "model"})
    assert made.status_code == 201
    held = api("POST", f"/models/{MODEL}/promote", {"version": 1})
    assert refusal(held) == (409, "gate_blocked")
    assert held.json()["error"]["details"]["decision"]["gate"]["fingerprint"] == gate["fingerprint"]

    lease = api("POST", "/gate-runs/lease", {}, RUNNER).json()["lease"]
    gate_run = lease["gate_run"]["gate_run_id"]
    evaluator = api("GET", f"/gate-runs/{gate_run}/bundle", actor=RUNNER)
    candidate = api("GET", f"/gate-runs/{gate_run}/files/w.bin", actor=RUNNER)
    proof = {"nonce": lease["nonce"], "fence": lease["fence"]}
    beat = api("POST", f"/gate-runs/{gate_run}/heartbeat", proof, RUNNER)
    verdict = api("POST", f"/gate-runs/{gate_run}/rows", {**proof, "rows": rows(7)}, RUNNER)
    first = api("POST", f"/models/{MODEL}/promote", {"version": 1})

    assert evaluator.content == bundle
    assert candidate.content == b"one"
    assert beat.json()["state"] == "leased"
    assert (verdict.json()["outcome"], verdict.json()["score"]) == ("pass", "0.7")
    assert (first.status_code, first.json()["revision"]) == (200, 1)
    run = office.a_run({"model/w.bin": b"two"})
    api("POST", f"/models/{MODEL}/versions", {"run_id": run, "artifact_path": "model"})
    examined(api, 2, 8)
    api("PUT", f"/models/{MODEL}/aliases/production", {"version": 2})
    resolved = api("GET", f"/models/{MODEL}/aliases/production")
    assert (resolved.json()["version"]["version"], resolved.json()["revision"]) == (2, 2)
    back = api("POST", f"/models/{MODEL}/rollback", {"reason": "slow"})
    assert (back.json()["to_version"], back.json()["kind"]) == (1, "rollback")
    history = api("GET", f"/models/{MODEL}/aliases/production/history").json()["moves"]
    assert [move["kind"] for move in history] == ["promotion", "promotion", "rollback"]
    report = api("POST", "/ledger/verify", {"deep": True}).json()
    assert (report["is_intact"], report["findings"]) == (True, [])
    assert report["head"] == api("GET", "/ledger/head").json()


def test_an_alias_resolves_with_a_validator(api: Api, office: Office) -> None:
    """If-None-Match answers 304 until the alias moves."""
    office.a_version("a")
    office.a_version("b")
    path = f"/models/{MODEL}/aliases/staging"
    api("PUT", path, {"version": 1})

    first = api("GET", path)
    same = api("GET", path, headers={"if-none-match": first.headers["etag"]})
    api("PUT", path, {"version": 2})
    moved = api("GET", path, headers={"if-none-match": first.headers["etag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert moved.status_code == 200
    assert moved.headers["etag"] != first.headers["etag"]
    assert [file["path"] for file in moved.json()["files"]] == ["weights.json"]


@pytest.mark.parametrize("seed", ["42", "42.0", '"42"', "18446744073709551616"])
def test_lineage_travels_as_it_was_written(api: Api, office: Office, seed: str) -> None:
    """No typed model ever touches the record: the numbers keep their text, in and out."""
    run = office.a_run({"model/a": b"a"}, lineage=None)
    lineage = json.dumps(LINEAGE).replace("42}", f"{seed}}}")
    body = f'{{"run_id": "{run}", "artifact_path": "model", "lineage": {lineage}}}'

    made = api(
        "POST",
        f"/models/{MODEL}/versions",
        content=body,
        headers={"content-type": "application/json"},
    )

    assert made.status_code == 201
    assert made.json()["fingerprint"] == fingerprint(json.loads(lineage)).hex
    assert f'"seed":{seed}}}' in made.text


def test_missing_lineage_is_422_naming_the_fields(api: Api, office: Office) -> None:
    """L1 over the wire: the status, the code, the field and the whole list."""
    run = office.a_run({"model/a": b"a"}, lineage=None)
    lineage = {**LINEAGE, "seed": None, "base_model": " "}

    answer = api(
        "POST",
        f"/models/{MODEL}/versions",
        {"run_id": run, "artifact_path": "model", "lineage": lineage},
    )

    assert refusal(answer) == (422, "lineage_incomplete")
    assert answer.json()["error"]["details"]["missing"] == ["base_model", "seed"]
    assert api("GET", f"/models/{MODEL}").status_code == 404


def test_a_key_makes_a_retry_harmless(api: Api, office: Office, bundle: bytes) -> None:
    """Registration, promotion and rollback answer a repeated key with the first answer."""
    gated(api, bundle)
    run = office.a_run({"model/w.bin": b"one"})
    body = {"run_id": run, "artifact_path": "model"}

    def twice(path: str, body: dict[str, Any], key: str) -> list[dict[str, Any]]:
        headers = {"idempotency-key": key}
        return [api("POST", path, body, headers=headers).json() for _ in range(2)]

    first, again = twice(f"/models/{MODEL}/versions", body, "k1")
    assert first == again
    examined(api, 1, 6)
    first, again = twice(f"/models/{MODEL}/promote", {"version": 1}, "k2")
    assert first == again
    other = api(
        "POST", f"/models/{MODEL}/promote", {"version": 2}, headers={"idempotency-key": "k2"}
    )
    assert refusal(other) == (409, "conflict")


def test_a_preview_shows_the_reasons_and_writes_nothing(
    api: Api, office: Office, bundle: bytes
) -> None:
    """What the page shows before the click."""
    gated(api, bundle)
    office.a_version()
    before = office.story()

    shown = api("POST", f"/models/{MODEL}/promotion-preview", {"version": 1}).json()

    assert (shown["promoted"], shown["codes"]) == (False, ["no_verdict"])
    assert office.story() == before


def test_a_contributor_sees_gates_but_neither_items_nor_bundles(
    api: Api, office: Office, bundle: bytes
) -> None:
    """Who is examined never sees the questions or their references."""
    gated(api, bundle)
    office.a_version()
    office.services.gate_runs.request(office.ask(), MODEL, 1)
    lease = office.lease()

    gates = api("GET", "/gates", actor=CONTRIBUTOR)
    suites = api("GET", "/suites", actor=CONTRIBUTOR)
    stolen = api("GET", f"/gate-runs/{lease.run.gate_run_id}/bundle", actor=CONTRIBUTOR)

    assert gates.status_code == suites.status_code == 200
    assert "q001" not in gates.text + suites.text
    assert refusal(stolen) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda body: {**body, "nonce": "0" * 32}, 409),
        (lambda body: {**body, "fence": 9}, 409),
        (lambda body: {**body, "rows": body["rows"][1:]}, 422),
        (lambda body: {**body, "rows": {"accuracy": 1}}, 422),
        (lambda body: {**body, "rows": [{"item_id": "q000", "accuracy": 1}]}, 422),
        (lambda body: {**body, "score": 1}, 422),
    ],
    ids=["nonce", "fence", "missing row", "aggregate", "shape", "extra"],
)
def test_wrong_rows_are_refused_with_the_right_status(
    api: Api, office: Office, bundle: bytes, change: Callable[[Any], Any], status: int
) -> None:
    """A stale proof is a conflict, wrong rows are an invalid argument, and nothing is written."""
    gated(api, bundle)
    office.a_version()
    office.services.gate_runs.request(office.ask(), MODEL, 1)
    lease = office.lease()
    body = {"nonce": lease.nonce, "fence": lease.run.fence, "rows": rows(5)}
    path = f"/gate-runs/{lease.run.gate_run_id}/rows"

    answer = api("POST", path, change(body), RUNNER)
    right = api("POST", path, body, RUNNER)

    assert answer.status_code == status
    assert (right.status_code, right.json()["score"]) == (200, "0.5")


def test_a_doubled_metric_in_a_row_is_refused(api: Api, office: Office, bundle: bytes) -> None:
    """Two values for one item are not silently the second one."""
    gated(api, bundle)
    office.a_version()
    office.services.gate_runs.request(office.ask(), MODEL, 1)
    lease = office.lease()
    good = json.dumps({"nonce": lease.nonce, "fence": lease.run.fence, "rows": rows(5)})
    doubled = good.replace('"accuracy": 1,', '"accuracy": 0, "accuracy": 1,', 1)

    answer = api(
        "POST",
        f"/gate-runs/{lease.run.gate_run_id}/rows",
        content=doubled,
        headers={"content-type": "application/json"},
        actor=RUNNER,
    )

    assert refusal(answer) == (422, "invalid_argument")


@pytest.mark.parametrize(
    "spec",
    [
        '{"suite": "nothing", "metric": "accuracy", "threshold": 1}',
        '{"metric": "accuracy", "threshold": 1}',
        '{"suite": "exam", "metric": "beauty", "threshold": 1}',
        '{"suite": "exam", "metric": "accuracy", "threshold": 1e999}',
        '{"suite": "exam", "metric": "accuracy", "threshold": 1, "threshold": 0}',
        '{"suite": "exam", "metric": "accuracy"}',
        "[]",
    ],
)
def test_a_wrong_gate_is_refused_and_leaves_none(api: Api, bundle: bytes, spec: str) -> None:
    """A gate is right or it is not there."""
    api("POST", "/suites", content=bundle)

    answer = api(
        "POST",
        "/gates",
        content=f'{{"name": "holdout", "spec": {spec}}}',
        headers={"content-type": "application/json"},
    )

    assert answer.status_code in {404, 422}
    assert api("GET", "/gates").json()["gates"] == []


def test_a_winner_is_chosen_and_registered_over_the_wire(
    api: Api, office: Office, bundle: bytes
) -> None:
    """The boast on an easier suite is refused with its groups; the cohort's best one registers."""
    suite = api("POST", "/suites", content=bundle).json()["fingerprint"]
    runs = [office.a_run({"model/a": str(n).encode()}) for n in range(3)]
    for run, score in zip(runs[:2], (0.6, 0.7), strict=True):
        kept = api("POST", f"/runs/{run}/evals", {"suite": suite, "metrics": {"accuracy": score}})
        assert kept.status_code == 201
    api("POST", f"/runs/{runs[2]}/evals", {"suite": "easy@1", "metrics": {"accuracy": 0.99}})

    refused = api("POST", "/winner", {"metric": "accuracy", "run_ids": runs})
    chosen = api(
        "POST",
        "/winner",
        {
            "metric": "accuracy",
            "run_ids": runs,
            "suite": "exam",
            "register_as": MODEL,
            "artifact_path": "model",
        },
    )

    assert refusal(refused) == (409, "incomparable")
    assert set(refused.json()["error"]["details"]["groups"]) == {suite, "easy@1"}
    assert chosen.json()["run_id"] == runs[1]
    assert chosen.json()["version"]["run_id"] == runs[1]
    assert set(chosen.json()["excluded"]) == {runs[2]}


def test_a_version_is_downloaded_file_by_file(api: Api, office: Office) -> None:
    """Manifest, bytes, ranges and validators."""
    version = office.a_version("0123456789")
    base = f"/models/{MODEL}/versions/1"

    manifest = api("GET", f"{base}/manifest").json()
    whole = api("GET", f"{base}/files/weights.json")
    part = api("GET", f"{base}/files/weights.json", headers={"range": "bytes=2-4"})
    known = api(
        "GET", f"{base}/files/weights.json", headers={"if-none-match": whole.headers["etag"]}
    )

    assert manifest["artifact_digest"] == version.artifact_digest
    assert whole.headers["etag"] == f'"{manifest["files"][0]["sha256"]}"'
    assert whole.content == b"0123456789"
    assert (part.status_code, part.content) == (206, b"234")
    assert known.status_code == 304


def test_versions_are_listed_for_one_model_whatever_its_name(api: Api, office: Office) -> None:
    """Quotes in a name are part of the name, not of a filter."""
    name = 'it\'s "quoted"'
    office.a_version("a", model=name)
    office.a_version("b", model="other")

    found = api("GET", f"/models/{name}/versions").json()["versions"]

    assert [version["model"] for version in found] == [name]


def test_protected_things_are_refused_with_their_reason(
    api: Api, office: Office, bundle: bytes
) -> None:
    """Deleting what production needs: 409, and a sentence that says what holds it."""
    gated(api, bundle)
    office.a_version()
    examined(api, 1, 6)
    api("POST", f"/models/{MODEL}/promote", {"version": 1})

    for method, path in (
        ("DELETE", f"/models/{MODEL}"),
        ("DELETE", f"/models/{MODEL}/versions/1"),
        ("DELETE", f"/models/{MODEL}/aliases/production"),
    ):
        answer = api(method, path)
        assert refusal(answer) == (409, "failed_precondition")
        assert "production" in answer.json()["error"]["message"]

    stale = api("POST", f"/models/{MODEL}/rollback", {"expected_revision": 7})
    assert stale.status_code == 409
