"""`assay gates`: the frozen rules under which one version may replace another, and their exams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Group, Parameter

from assay.cli import gate_keys
from assay.cli.lookup import collect, parse_reference, version_of
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_facts, print_json, print_table, say, score, when
from assay.cli.suites import upload_suite
from assay.domain.errors import InvalidArgument
from assay.domain.exact import exact, exact_text
from assay.sdk.client import url_path

if TYPE_CHECKING:
    from assay.domain.evaluation import Suite
    from assay.sdk.client import Client

app = App(name="gates")
app.command(gate_keys.policy)


@Parameter(name="*", group=Group("What it demands beyond the score", sort_key=50))
@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a gate demands beyond the score.

    Attributes:
        min_items: At least so many items must be scored. Default: all of the suite's.
        approvals: So many other people must approve a promotion.
        alpha: Compare paired: besides being strictly better, the win's one-sided p-value must be
            at most this, such as 0.05.
        signed: Only verdicts signed with a registered runner key count.
    """

    min_items: int | None = None
    approvals: int = 0
    alpha: Annotated[str | None, Parameter(metavar="NUMBER")] = None
    signed: bool = False

    def spec(self) -> dict[str, Any]:
        """The members of the gate; nothing is said of what is not demanded."""
        spec: dict[str, Any] = {}
        if self.approvals:
            spec["approvals"] = self.approvals
        if self.alpha is not None:
            spec |= {"comparison": "paired", "alpha": exact_text(exact(self.alpha, "--alpha"))}
        if self.signed:
            spec["signed_verdicts"] = "require"
        return spec

    def sentences(self) -> list[str]:
        """The same for a reader."""
        found = [f"{self.approvals} approvals by others"] if self.approvals else []
        if self.alpha is not None:
            found.append(f"a paired test with p at most {self.alpha}")
        return [*found, "signed verdicts"] if self.signed else found


NO_DEMANDS = Demands()
_GUARD_KINDS = ("absolute", "relative")
_HOLDERS_NAMED = 5


@app.command
def create(
    name: str,
    /,
    *,
    suite: Annotated[str, Parameter(metavar="FOLDER")],
    metric: str | None = None,
    threshold: Annotated[str | None, Parameter(metavar="NUMBER")] = None,
    minimize: bool = False,
    guard: Annotated[tuple[str, ...], Parameter(metavar="METRIC:MAX[:KIND]")] = (),
    timeout: Annotated[int | None, Parameter(metavar="SECONDS")] = None,
    demands: Demands = NO_DEMANDS,
    model: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Freeze a gate: pack the suite, store it, and make its rules the ones in force.

    Creating a gate of a name that there is makes its next version. Scores under the former one
    then no longer count, and the champion is examined again before anyone can beat it.

    Args:
        name: The gate.
        suite: Suite folder with suite.toml, items.jsonl and scorer.py; or the name or fingerprint
            of a suite that is stored.
        metric: The metric that decides. Default: the suite's, where it has only one.
        threshold: What the metric must reach, exactly. Default: the bound that the suite declares
            for it, so that only the champion is to be beaten.
        minimize: Less is better. The suite declares this; say it to be refused if it is not so.
        guard: A metric that may get worse than the champion's by at most so much, such as
            safety:0.01 or length:0.1:relative; repeatable.
        timeout: Seconds that one exam may take. Default: 3600.
        model: The model that it guards. Default: every model without a gate of its own.
    """
    client = options.client()
    stored, contents = _suite(client, suite)
    gated = metric or _only_metric(contents)
    spec: dict[str, Any] = {
        "suite": stored["fingerprint"],
        "metric": gated,
        "threshold": _threshold(threshold, gated, contents),
        "guards": [_guard(text) for text in guard],
        "min_items": demands.min_items or (contents.count_of(gated) if contents is not None else 1),
    }
    if minimize:
        spec["direction"] = "minimize"
    if timeout is not None:
        spec["timeout_s"] = timeout
    spec |= demands.spec()
    made = client.post("/gates", {"name": name, "spec": spec, "model": model})
    if options.json:
        print_json(made)
        return
    _print_gate(made)
    say(_meaning(client, made))


@app.command(name="list")
def list_gates(
    *,
    everything: Annotated[bool, Parameter(name="--all")] = False,
    limit: Limit = 100,
    options: Options = DEFAULTS,
) -> None:
    """List the gates in force.

    Args:
        everything: List former versions as well.
        limit: At most so many.
    """
    client = options.client()

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(
            client.get(
                "/gates",
                max_results=max_results,
                page_token=token,
                current_only=None if everything else True,
            )
        )

    found, is_more = collect(page, "gates", limit)
    if options.json:
        print_json({"gates": found, "more": is_more})
        return
    _print_gates(found)
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def show(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Show a gate: its rules in force, and every version that it had.

    Args:
        name: The gate.
    """
    found = options.client().get(url_path("gates", name))["gates"]
    if options.json:
        print_json({"gates": found})
        return
    _print_gate(max(found, key=lambda gate: (gate["is_current"], gate["version"])))
    say("")
    _print_gates(found)


@app.command
def runs(
    *,
    model: str | None = None,
    state: Literal["queued", "leased", "done", "cancelled"] | None = None,
    limit: Limit = 50,
    options: Options = DEFAULTS,
) -> None:
    """List gate runs with their verdicts, newest first.

    Args:
        model: NAME, NAME/VERSION or NAME@ALIAS. Default: every model.
        state: Those in this state.
        limit: At most so many.
    """
    client = options.client()
    query: dict[str, Any] = {"state": state}
    if model is not None:
        reference = parse_reference(model)
        query["model"] = reference.name
        if reference.version is not None or reference.alias is not None:
            query["version"] = version_of(client, reference)

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(client.get("/gate-runs", **query, max_results=max_results, page_token=token))

    found, is_more = collect(page, "gate_runs", limit)
    if options.json:
        print_json({"gate_runs": found, "more": is_more})
        return
    print_table(
        ["gate run", "model", "version", "gate", "state", "verdict", "score", "asked", "reasons"],
        [
            [
                row["gate_run_id"][:12],
                row["model"],
                row["version"],
                f"{row['gate']} v{row['gate_version']}",
                row["state"],
                (row["verdict"] or {}).get("outcome"),
                score((row["verdict"] or {}).get("score")),
                when(row["created_at_ms"]),
                (row["verdict"] or {}).get("reasons"),
            ]
            for row in found
        ],
        empty="No gate runs. `assay promote MODEL VERSION` queues the exam that it needs.",
        numeric=("version", "score"),
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def request(model: str, /, *, options: Options = DEFAULTS) -> None:
    """Queue a version for the exam of the gate in force, before anyone wants to promote it.

    Args:
        model: NAME/VERSION or NAME@ALIAS.
    """
    client = options.client()
    reference = parse_reference(model)
    number = version_of(client, reference)
    found = client.post("/gate-runs", {"model": reference.name, "version": number})
    if options.json:
        print_json(found)
        return
    verdict = found["verdict"]
    if verdict is None:
        say(f"Gate run {found['gate_run_id']} is {found['state']}; `assay gate-runner` holds it.")
    else:
        say(f"Examined already: {verdict['outcome']}, {score(verdict['score'])}.")


def _suite(client: Client, text: str) -> tuple[dict[str, Any], Suite | None]:
    """The stored suite, and what it consists of where it was read from a folder here."""
    from assay.bundles.suite_folder import read_suite_folder

    if Path(text).is_dir():
        folder = read_suite_folder(Path(text))
        return upload_suite(client, folder), folder.suite
    if "/" in text or text.startswith("."):
        raise InvalidArgument(f"There is no folder {text}.")
    return dict(client.get(url_path("suites", text))), None


def _only_metric(contents: Suite | None) -> str:
    if contents is None:
        raise InvalidArgument("Say which metric decides: --metric NAME.")
    names = sorted(contents.metrics())
    if len(names) > 1:
        raise InvalidArgument(f"Say which metric decides, --metric {' or '.join(names)}.")
    return names[0]


def _threshold(text: str | None, metric: str, contents: Suite | None) -> str:
    if text is not None:
        return exact_text(exact(text, "--threshold"))
    if contents is None:
        raise InvalidArgument("Say what the metric must reach: --threshold NUMBER.")
    declared = contents.metric(metric)
    bound = declared.low if declared.maximize else declared.high
    if bound is None:
        side = "low" if declared.maximize else "high"
        raise InvalidArgument(
            f"Say what {metric!r} must reach, --threshold NUMBER: the suite declares no {side} for it."
        )
    return exact_text(bound)


def _guard(text: str) -> dict[str, Any]:
    rest, kind = text, "absolute"
    for word in _GUARD_KINDS:
        if text.endswith(f":{word}"):
            rest, kind = text.removesuffix(f":{word}"), word
    metric, colon, limit = rest.rpartition(":")
    if not colon or not metric:
        raise InvalidArgument(
            f"--guard is METRIC:MAX or METRIC:MAX:relative, such as safety:0.01; not {text!r}."
        )
    return {
        "metric": metric,
        "max_regression": exact_text(exact(limit, "--guard")),
        "relative": kind == "relative",
    }


def _meaning(client: Client, gate: dict[str, Any]) -> str:
    """What the new rules mean for those who hold protected aliases under the former ones."""
    if gate["model"] is not None:
        models = [client.get(url_path("models", gate["model"]))]
        whom = f"model {gate['model']!r}"
    else:
        models = client.get("/models", max_results=100)["models"]
        whom = "every model without a gate of its own"
    held = [
        f"{model['name']} version {alias['version']} ({alias['alias']})"
        for model in models
        for alias in model["aliases"]
        if alias["is_protected"] and alias["version"] is not None
    ]
    rule = f"It guards {whom} from now on."
    if not held:
        return f"{rule} Nobody holds a protected alias yet: the first version to pass takes it."
    more = f" and {len(held) - _HOLDERS_NAMED} more" if len(held) > _HOLDERS_NAMED else ""
    return (
        f"{rule} Scores under other gates count no longer: who holds an alias keeps it "
        f"({', '.join(held[:_HOLDERS_NAMED])}{more}), and is examined under this gate before "
        "anyone can beat it."
    )


def _print_gate(gate: dict[str, Any]) -> None:
    spec = gate["spec"]
    better = "at least" if spec["direction"] == "maximize" else "at most"
    guards = [
        f"{g['metric']} may get worse by {g['max_regression']}{' of its value' if g['relative'] else ''}"
        for g in spec["guards"]
    ]
    demands = Demands(
        approvals=spec["approvals"],
        alpha=spec.get("alpha"),
        signed=spec.get("signed_verdicts") == "require",
    ).sentences()
    print_facts(
        {
            "gate": f"{gate['name']} v{gate['version']}",
            "fingerprint": gate["fingerprint"],
            "guards": gate["model"] or "every model without a gate of its own",
            "suite": gate["suite"],
            "rule": f"{spec['metric']} {better} {score(spec['threshold'])}, "
            "and strictly better than the champion",
            **({"and": guards} if guards else {}),
            **({"also": demands} if demands else {}),
            "items": f"at least {spec['min_items']}",
            "time": f"{spec['timeout_s']} s",
        }
    )


def _print_gates(gates: list[dict[str, Any]]) -> None:
    print_table(
        ["gate", "version", "in force", "guards", "metric", "threshold", "fingerprint", "created"],
        [
            [
                gate["name"],
                gate["version"],
                gate["is_current"],
                gate["model"] or "(all others)",
                gate["spec"]["metric"],
                score(gate["spec"]["threshold"]),
                gate["fingerprint"][:12],
                when(gate["created_at_ms"]),
            ]
            for gate in gates
        ],
        empty="No gate, so nothing can be promoted. Make one with `assay gates create NAME --suite FOLDER`.",
        numeric=("version", "threshold"),
    )
