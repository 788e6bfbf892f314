"""`assay experiments`: named groups of runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from assay.cli.lookup import collect, find_experiment
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_facts, print_json, print_table, say, when
from assay.sdk.client import url_path

app = App(name="experiments")


@app.command(name="list")
def list_experiments(
    *,
    filter_text: Annotated[str, Parameter(name="--filter", metavar="FILTER")] = "",
    view: Literal["active", "deleted", "all"] = "active",
    limit: Limit = 100,
    options: Options = DEFAULTS,
) -> None:
    """List experiments.

    Args:
        filter_text: Such as "name LIKE 'sft-%' AND tags.team = 'alignment'".
        view: Those in use, those in the bin, or all.
        limit: At most so many.
    """
    client = options.client()

    def fetch(max_results: int, token: str | None) -> dict[str, Any]:
        body = {
            "filter": filter_text,
            "view": view,
            "max_results": max_results,
            "page_token": token,
        }
        return dict(client.post("/experiments/search", body))

    found, is_more = collect(fetch, "experiments", limit)
    if options.json:
        print_json({"experiments": found, "more": is_more})
        return
    print_table(
        ["id", "name", "state", "created", "updated", "tags"],
        [
            [
                row["experiment_id"],
                row["name"],
                row["lifecycle"],
                when(row["created_at_ms"]),
                when(row["updated_at_ms"]),
                [f"{key}={value}" for key, value in sorted(row["tags"].items())],
            ]
            for row in found
        ],
        empty="No experiments here. Make one with `assay experiments create NAME`, or start a run.",
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def create(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Make an experiment.

    Args:
        name: Its name, free in the workspace.
    """
    made = options.client().post("/experiments", {"name": name})
    _tell(made, options, f"Made experiment {name!r} (id {made['experiment_id']}).")


@app.command
def show(experiment: str, /, *, options: Options = DEFAULTS) -> None:
    """Show an experiment.

    Args:
        experiment: Its name or id.
    """
    found = find_experiment(options.client(), experiment)
    if options.json:
        print_json(found)
        return
    print_facts(
        {
            "experiment": found["name"],
            "id": found["experiment_id"],
            "workspace": found["workspace"],
            "state": found["lifecycle"],
            "created": when(found["created_at_ms"]),
            "updated": when(found["updated_at_ms"]),
            **{f"tag {key}": value for key, value in sorted(found["tags"].items())},
        }
    )


@app.command
def rename(experiment: str, name: str, /, *, options: Options = DEFAULTS) -> None:
    """Rename an experiment.

    Args:
        experiment: Its name or id.
        name: The new name.
    """
    client = options.client()
    found = find_experiment(client, experiment)
    changed = client.patch(url_path("experiments", found["experiment_id"]), {"name": name})
    _tell(changed, options, f"Experiment {found['name']!r} is called {name!r} now.")


@app.command
def delete(experiment: str, /, *, options: Options = DEFAULTS) -> None:
    """Put an experiment and its runs into the bin, from where `restore` takes them.

    Args:
        experiment: Its name or id.
    """
    client = options.client()
    found = find_experiment(client, experiment)
    client.delete(url_path("experiments", found["experiment_id"]))
    sentence = (
        f"Experiment {found['name']!r} is in the bin; "
        f"`assay experiments restore {found['experiment_id']}` takes it out."
    )
    _tell({**found, "lifecycle": "deleted"}, options, sentence)


@app.command
def restore(experiment_id: str, /, *, options: Options = DEFAULTS) -> None:
    """Take an experiment and its runs out of the bin.

    Args:
        experiment_id: Its id, as `assay experiments list --view deleted` shows it.
    """
    found = options.client().post(url_path("experiments", experiment_id, "restore"))
    _tell(found, options, f"Experiment {found['name']!r} is in use again.")


def _tell(experiment: dict[str, Any], options: Options, sentence: str) -> None:
    if options.json:
        print_json(experiment)
    else:
        say(sentence)
