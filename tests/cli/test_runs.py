"""`assay runs`, `assay experiments` and `assay workspaces`."""

from __future__ import annotations

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import LINEAGE, add_run


def column(table: str, name: str) -> list[str]:
    """The cells of a table's column; cells of these tests hold no two spaces."""
    head, *rows = [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.splitlines()
    ]
    return [row[head.index(name)] for row in rows]


def test_an_empty_list_says_how_to_get_a_first_row(assay: Assay) -> None:
    """A stranger who has nothing yet learns what to do."""
    assert "assay.start_run" in assay.done("runs", "list")


def test_runs_are_listed_with_what_most_of_them_measured(assay: Assay, client: Client) -> None:
    """The table shows common metrics without being asked, and never more than a few."""
    for place in range(3):
        add_run(client, f"trial-{place}", points=[("accuracy", place / 4, 10), ("loss", 0.5, 10)])
    add_run(client, "odd", points=[("rare", 1.0, 1), ("unique", 1.0, 1)])

    table = assay.done("runs", "list")

    assert column(table, "name") == ["odd", "trial-2", "trial-1", "trial-0"]
    assert column(table, "accuracy") == ["-", "0.5", "0.25", "0"]
    assert "unique" not in table


def test_metrics_and_params_can_be_chosen(assay: Assay, client: Client) -> None:
    """The columns asked for are the columns shown."""
    add_run(
        client, params={**LINEAGE, "lr": "2e-05"}, points=[("accuracy", 0.5, 1), ("loss", 2, 1)]
    )

    table = assay.done("runs", "list", "--metric", "loss", "--param", "lr")

    assert column(table, "lr") == ["2e-05"]
    assert column(table, "loss") == ["2"]
    assert "accuracy" not in table


def test_a_list_that_is_cut_says_so(assay: Assay, client: Client) -> None:
    """Rows that are left out are never left out silently."""
    for place in range(3):
        add_run(client, f"trial-{place}")

    told = assay("runs", "list", "--limit", 2)

    assert len(column(told.out, "run")) == 2
    assert "more than 2" in told.err


def test_a_search_filters_and_orders(assay: Assay, client: Client) -> None:
    """The search language of the API is the one of the command."""
    for place in range(3):
        add_run(client, f"trial-{place}", points=[("accuracy", place / 4, 1)])

    words = ("runs", "search", "metrics.accuracy > 0.1", "--order-by", "metrics.accuracy ASC")

    assert column(assay.done(*words), "name") == ["trial-1", "trial-2"]
    assert [run["name"] for run in assay.json(*words)["runs"]] == ["trial-1", "trial-2"]


def test_a_search_in_an_experiment_leaves_the_others_out(assay: Assay, client: Client) -> None:
    """--experiment takes a name."""
    add_run(client, "here", experiment="sft")
    add_run(client, "there", experiment="dpo")

    assert column(assay.done("runs", "list", "-e", "sft"), "name") == ["here"]


def test_a_filter_that_is_none_is_refused_in_a_sentence(assay: Assay) -> None:
    """What is wrong with it is the server's to say."""
    told = assay("runs", "search", "metrics.accuracy >")

    assert told.code == 1
    assert "compared with a number" in told.err


def test_a_run_is_shown_with_all_that_it_recorded(assay: Assay, client: Client) -> None:
    """Params, metrics, and the experiment by its name."""
    run_id = add_run(client, points=[("loss", 2.0, 0), ("loss", 0.5, 9)])

    shown = assay.done("runs", "show", run_id[:10])

    assert run_id in shown
    assert "experiment  sweep" in shown
    assert "base             qwen2.5-0.5b" in shown
    assert "loss     0.5     9       2  0.5    2" in shown


def test_json_carries_the_run_as_the_api_answers_it(assay: Assay, client: Client) -> None:
    """A program gets everything, under the API's names."""
    run_id = add_run(client)

    assert assay.json("runs", "show", run_id[:10]) == client.get(f"/runs/{run_id}")


def test_what_a_run_is_called_cannot_drive_the_terminal(assay: Assay, client: Client) -> None:
    """Control characters of a stored text are printed as escapes."""
    run_id = add_run(client, params={"note": "\x1b[2J\x1b[31mred"})

    shown = assay.done("runs", "show", run_id)

    assert "\x1b" not in shown
    assert r"\x1b[2J" in shown


def test_markup_in_a_name_is_text(assay: Assay, client: Client) -> None:
    """A name in brackets is not taken for a style."""
    add_run(client, "[bold]trial[/bold]")

    assert column(assay.done("runs", "list"), "name") == ["[bold]trial[/bold]"]


def test_runs_side_by_side_show_the_params_that_differ(assay: Assay, client: Client) -> None:
    """What is equal says nothing about a difference, unless it is asked for."""
    runs = [
        add_run(client, name, params={**LINEAGE, "lr": lr}, points=[("loss", loss, 1)])
        for name, lr, loss in (("a", "1e-05", 0.5), ("b", "2e-05", 0.25))
    ]

    table = assay.done("runs", "compare", *runs)
    everything = assay.done("runs", "compare", *runs, "--all")
    document = assay.json("runs", "compare", *runs)

    assert "param lr     1e-05         2e-05" in table
    assert "metric loss  0.5           0.25" in table
    assert "param seed" not in table
    assert "param seed" in everything
    assert document["params"] == {"lr": dict(zip(runs, ["1e-05", "2e-05"], strict=True))}


def test_a_single_run_is_compared_with_nothing(assay: Assay, client: Client) -> None:
    """Comparing takes two."""
    told = assay("runs", "compare", add_run(client))

    assert told.code == 1
    assert "at least two" in told.err


def test_a_run_goes_into_the_bin_and_comes_back(assay: Assay, client: Client) -> None:
    """Deleting is not losing."""
    run_id = add_run(client)

    assert "assay runs restore" in assay.done("runs", "delete", run_id[:8])
    assert "No runs yet" in assay.done("runs", "list")
    assert column(assay.done("runs", "list", "--view", "deleted"), "status") == ["deleted"]

    assay.done("runs", "restore", run_id[:8])

    assert column(assay.done("runs", "list"), "status") == ["finished"]


def test_an_experiment_is_made_shown_renamed_deleted_and_restored(assay: Assay) -> None:
    """Its whole life, by name."""
    number = assay.json("experiments", "create", "sft")["experiment_id"]
    assay.done("experiments", "rename", "sft", "sft-2")

    assert assay.json("experiments", "show", "sft-2")["experiment_id"] == number

    told = assay.done("experiments", "delete", "sft-2")

    assert f"assay experiments restore {number}" in told
    assert "sft-2" not in assay.done("experiments", "list")
    assert "sft-2" in assay.done("experiments", "list", "--view", "deleted")

    assay.done("experiments", "restore", number)

    assert assay.json("experiments", "show", "sft-2")["lifecycle"] == "active"


def test_a_workspace_is_made_and_told_what_to_demand(assay: Assay, workspace: str) -> None:
    """The policy is changed in part, and given back to the server."""
    name = f"{workspace}-b"
    assay.done("workspaces", "create", name, "--description", "the other team")
    changed = assay.json("workspaces", "policy", name, "--lineage", "recorded", "--protect", "none")

    server = {"strict_refs": "warn", "closure_at_promotion": "off"}
    assert changed["policy"] == {"lineage": "recorded", "protected": [], **server}

    changed = assay.json("workspaces", "policy", name, "--protect", "inherit")

    protected = ["champion", "production"]
    assert changed["policy"] == {"lineage": "recorded", "protected": protected, **server}
    assert name in assay.done("workspaces", "list")
    assert "the other team" in assay.done("workspaces", "show", name)


def test_a_policy_without_a_change_is_wrong_usage(assay: Assay, workspace: str) -> None:
    """Nothing is sent when nothing is to change."""
    told = assay("workspaces", "policy", workspace)

    assert told.code == 1
    assert "--lineage" in told.err
