"""`assay winner`: the best run of one eval suite, or the refusal to compare across suites."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from assay.cli.lookup import RUN_SHOWN, experiment_ids, run_id_of
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, print_json, print_table, say
from assay.domain.errors import InvalidArgument
from assay.sdk.client import url_path
from assay.sdk.errors import ApiError

_RANKED_MAX = 20


def winner(
    *runs: str,
    metric: str,
    experiment: Annotated[
        tuple[str, ...], Parameter(name=["--experiment", "-e"], metavar="NAME")
    ] = (),
    suite: str | None = None,
    maximize: bool = False,
    minimize: bool = False,
    register: Annotated[str | None, Parameter(metavar="MODEL")] = None,
    path: str = "",
    options: Options = DEFAULTS,
) -> int:
    """Choose the best run among those that were scored on one and the same eval suite.

    Runs of several suites are not ranked: the refusal lists the groups, and --suite chooses one.

    Args:
        runs: Run ids, or starts of them. Default: all runs of --experiment.
        metric: The metric of the eval results to choose by.
        experiment: Name or id of an experiment; repeatable.
        suite: Only runs scored on this suite: a fingerprint, a name, or a foreign suite's label.
        maximize: More is better. Needed only for a suite that is not stored on this server.
        minimize: Less is better. Needed only for a suite that is not stored on this server.
        register: Register the winner's files as the next version of this model.
        path: Folder of the winner to register. Default: all of its files.
    """
    if bool(runs) == bool(experiment):
        raise InvalidArgument("Name either runs or --experiment.")
    if maximize and minimize:
        raise InvalidArgument("Say --maximize or --minimize, not both.")
    client = options.client()
    body = {
        "metric": metric,
        "run_ids": [run_id_of(client, run) for run in runs],
        "experiment_ids": experiment_ids(client, experiment) if experiment else [],
        "maximize": True if maximize else False if minimize else None,
        "suite": suite,
        "register_as": register,
        "artifact_path": path,
    }
    try:
        found = client.post("/winner", body)
    except ApiError as error:
        members = error.details.get("members")
        if options.json or error.code != "incomparable" or not isinstance(members, dict):
            raise
        return _refused(members)
    if options.json:
        print_json(found)
        return 0
    scores = {
        run_id: _score(client.get(url_path("runs", run_id, "evals"))["results"], found)
        for run_id in found["ranked"][:_RANKED_MAX]
    }
    _show(found, scores)
    return 0


def _show(found: dict[str, Any], scores: dict[str, Any]) -> None:
    better = "most" if found["maximize"] else "least"
    say(
        f"Winner: {found['run_name']} ({found['run_id']}) with {found['metric']} {found['score']:.6g}, "
        f"the {better} of {len(found['ranked'])} runs scored on suite {found['suite']}."
    )
    if found["tied"]:
        others = ", ".join(run_id[:RUN_SHOWN] for run_id in found["tied"])
        say(f"It shares that score with {others}; of equals the one that finished first wins.")
    print_table(
        ["rank", "run", found["metric"]],
        [[rank, run_id, scores.get(run_id)] for rank, run_id in enumerate(scores, start=1)],
        empty="",
        numeric=("rank", found["metric"]),
    )
    for run_id, why in found["excluded"].items():
        note(f"not ranked: {run_id[:RUN_SHOWN]} ({why})")
    version = found["version"]
    if version is not None:
        say(f"Registered {version['model']} version {version['version']}: {version['fingerprint']}")


def _score(results: list[dict[str, Any]], found: dict[str, Any]) -> Any:
    for result in results:
        if result["suite"] == found["suite"] and result["metric"] == found["metric"]:
            return result["value"]
    return None


def _refused(members: dict[str, list[str]]) -> int:
    note("assay: These runs were not all scored on one suite, so they cannot be ranked:")
    for suite, runs in members.items():
        shown = ", ".join(run_id[:RUN_SHOWN] for run_id in runs[:5])
        more = f" and {len(runs) - 5} more" if len(runs) > 5 else ""
        note(f"  {suite}  {shown}{more}")
    note("Choose one with --suite, or score the others on it.")
    return 1
