"""`assay runs`: listed, searched, shown, compared; into the bin and out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from assay.cli.lookup import RUN_SHOWN, collect, experiment_ids, run_id_of
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_facts, print_json, print_table, say, when
from assay.cli.run_health import health
from assay.domain.errors import InvalidArgument
from assay.sdk.client import url_path

app = App(name="runs")
app.command(health)

_METRICS_SHOWN = 3
_OWN_METRICS = "system/"

Experiments = Annotated[tuple[str, ...], Parameter(name=["--experiment", "-e"], metavar="NAME")]
Keys = Annotated[tuple[str, ...], Parameter(metavar="KEY")]
View = Literal["active", "deleted", "all"]


@app.command(name="list")
def list_runs(
    *,
    experiment: Experiments = (),
    metric: Keys = (),
    param: Keys = (),
    view: View = "active",
    limit: Limit = 50,
    options: Options = DEFAULTS,
) -> None:
    """List runs, the latest started first.

    Args:
        experiment: Name or id of an experiment; repeatable. Default: all of the workspace.
        metric: Show this metric; repeatable. Default: the few that most of the runs have.
        param: Show this param; repeatable.
        view: Those in use, those in the bin, or all.
        limit: At most so many.
    """
    _list(options, experiment, "", (), view, limit, metric, param)


@app.command
def search(
    filter_text: str = "",
    /,
    *,
    experiment: Experiments = (),
    order_by: Annotated[tuple[str, ...], Parameter(metavar="KEY")] = (),
    metric: Keys = (),
    param: Keys = (),
    view: View = "active",
    limit: Limit = 50,
    options: Options = DEFAULTS,
) -> None:
    """Search runs by metrics, params, tags, attributes and datasets.

    Args:
        filter_text: Comparisons joined by AND, such as
            "metrics.accuracy > 0.9 AND params.lora_r = '16' AND tags.team = 'alignment'".
        experiment: Name or id of an experiment; repeatable. Default: all of the workspace.
        order_by: Such as "metrics.accuracy DESC"; repeatable.
        metric: Show this metric; repeatable. Default: the few that most of the runs have.
        param: Show this param; repeatable.
        view: Those in use, those in the bin, or all.
        limit: At most so many.
    """
    _list(options, experiment, filter_text, order_by, view, limit, metric, param)


@app.command
def show(run: str, /, *, options: Options = DEFAULTS) -> None:
    """Show a run with its params, metrics, tags, inputs and lineage.

    Args:
        run: Its id, or the start of it.
    """
    client = options.client()
    found = client.get(url_path("runs", run_id_of(client, run)))
    if options.json:
        print_json(found)
        return
    experiment = client.get(url_path("experiments", found["experiment_id"]))
    print_facts(
        {
            "run": found["run_id"],
            "name": found["name"],
            "experiment": experiment["name"],
            "workspace": found["workspace"],
            "status": _status(found),
            "started": when(found["started_at_ms"]),
            "took": _duration(found),
            "user": found["user_name"] or found["created_by"],
            "lineage": found["lineage"],
            "inputs": [f"{i['dataset']['name']}@{i['dataset']['digest']}" for i in found["inputs"]],
        }
    )
    if found["params"]:
        say("")
        print_table(["param", "value"], sorted(found["params"].items()), empty="")
    say("")
    print_table(
        ["metric", "last", "step", "points", "min", "max"],
        [
            [key, m["value"], m["step"], m["count"], m["min"], m["max"]]
            for key, m in sorted(found["metrics"].items())
        ],
        empty="No metrics yet.",
        numeric=("last", "step", "points", "min", "max"),
    )
    if found["tags"]:
        say("")
        print_table(["tag", "value"], sorted(found["tags"].items()), empty="")


@app.command
def compare(
    *runs: str,
    everything: Annotated[bool, Parameter(name="--all")] = False,
    options: Options = DEFAULTS,
) -> None:
    """Put runs side by side: params that differ, and every metric's last value.

    Args:
        runs: Two or more run ids, or starts of them.
        everything: Show params that are equal as well.
    """
    if len(runs) < 2:
        raise InvalidArgument("Name at least two runs to compare.")
    client = options.client()
    found = [client.get(url_path("runs", run_id_of(client, run))) for run in runs]
    params = _side_by_side([run["params"] for run in found])
    metrics = _side_by_side([{k: m["value"] for k, m in run["metrics"].items()} for run in found])
    if not everything:
        params = {key: row for key, row in params.items() if any(v != row[0] for v in row)}
    if options.json:
        ids = [run["run_id"] for run in found]
        print_json(
            {
                "runs": [{"run_id": run["run_id"], "name": run["name"]} for run in found],
                "params": {k: dict(zip(ids, row, strict=True)) for k, row in params.items()},
                "metrics": {k: dict(zip(ids, row, strict=True)) for k, row in metrics.items()},
            }
        )
        return
    rows: list[Sequence[Any]] = [["run", *(run["run_id"][:RUN_SHOWN] for run in found)]]
    rows.append(["status", *(_status(run) for run in found)])
    rows += [[f"param {key}", *row] for key, row in params.items()]
    rows += [[f"metric {key}", *row] for key, row in metrics.items()]
    print_table(["", *_distinct([run["name"] for run in found])], rows, empty="")


@app.command
def delete(run: str, /, *, options: Options = DEFAULTS) -> None:
    """Put a run into the bin. Versions that were registered from it keep their files.

    Args:
        run: Its id, or the start of it.
    """
    client = options.client()
    run_id = run_id_of(client, run)
    client.delete(url_path("runs", run_id))
    if options.json:
        print_json({"run_id": run_id, "lifecycle": "deleted"})
    else:
        say(f"Run {run_id} is in the bin; `assay runs restore {run_id[:RUN_SHOWN]}` takes it out.")


@app.command
def restore(run: str, /, *, options: Options = DEFAULTS) -> None:
    """Take a run out of the bin.

    Args:
        run: Its id, or the start of it.
    """
    client = options.client()
    found = client.post(url_path("runs", run_id_of(client, run), "restore"))
    if options.json:
        print_json(found)
    else:
        say(f"Run {found['run_id']} ({found['name']}) is in use again.")


def _list(
    options: Options,
    experiments: Sequence[str],
    filter_text: str,
    order_by: Sequence[str],
    view: str,
    limit: int,
    metrics: Sequence[str],
    params: Sequence[str],
) -> None:
    client = options.client()
    query = {
        "experiment_ids": experiment_ids(client, experiments),
        "filter": filter_text,
        "order_by": list(order_by),
        "view": view,
    }

    def fetch(max_results: int, token: str | None) -> dict[str, Any]:
        body = {**query, "max_results": max_results, "page_token": token}
        return dict(client.post("/runs/search", body))

    found, is_more = collect(fetch, "runs", limit)
    if options.json:
        print_json({"runs": found, "more": is_more})
        return
    shown = list(metrics) or _common_metrics(found)
    print_table(
        ["run", "name", "status", "started", "took", *params, *shown],
        [
            [
                run["run_id"][:RUN_SHOWN],
                run["name"],
                _status(run),
                when(run["started_at_ms"]),
                _duration(run),
                *(run["params"].get(key) for key in params),
                *(run["metrics"].get(key, {}).get("value") for key in shown),
            ]
            for run in found
        ],
        empty=(
            "No run matches."
            if filter_text or experiments
            else "No runs yet. Start one with `assay.start_run(...)` or an mlflow client; see `assay demo`."
        ),
        numeric=("took", *shown),
        # What was not asked for need not be there.
        spare=0 if metrics else len(shown),
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


def _common_metrics(runs: Sequence[dict[str, Any]]) -> list[str]:
    counts = Counter(
        key for run in runs for key in run["metrics"] if not key.startswith(_OWN_METRICS)
    )
    most = sorted(counts, key=lambda key: (-counts[key], key))[:_METRICS_SHOWN]
    return sorted(most)


def _status(run: dict[str, Any]) -> str:
    return "deleted" if run["lifecycle"] == "deleted" else str(run["status"])


def _duration(run: dict[str, Any]) -> str | None:
    if run["started_at_ms"] is None or run["ended_at_ms"] is None:
        return None
    seconds = max(run["ended_at_ms"] - run["started_at_ms"], 0) / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _side_by_side(columns: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    keys = sorted({key for column in columns for key in column})
    return {key: [column.get(key) for column in columns] for key in keys}


def _distinct(names: Sequence[str]) -> list[str]:
    """Column titles; runs of one name get a number."""
    seen: Counter[str] = Counter()
    titles = []
    for name in names:
        seen[name] += 1
        titles.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return titles
