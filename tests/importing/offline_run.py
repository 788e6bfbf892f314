"""Runs without a network, by the unmodified client: `offline_run.py KIND`, in the folder it is in."""

import sys

import wandb


def rich() -> None:
    run = wandb.init(
        project="off",
        id="rich0001",
        name="my run",
        config={"lr": 1e-3, "nest": {"a": 1}},
        tags=["t1", "t2"],
        notes="a note",
        group="g",
        job_type="train",
    )
    run.define_metric("eval/acc", summary="max")
    for step in range(50):
        row = {"loss": 1 / (step + 1), "n": {"a": {"b": step}}, "eval/acc": step % 7, "word": "hi"}
        run.log({**row, "bad": float("nan")} if step % 2 else row)
        print("line", step)  # noqa: T201 - what a console shows is imported
    print("10%\r50%\r100%", file=sys.stderr)  # noqa: T201
    run.summary["final"] = 3
    run.config.update({"late": True})
    run.log({"table": wandb.Table(columns=["a"], data=[[1]])})
    run.finish(exit_code=3)


def long() -> None:
    """Longer than several blocks of the log."""
    run = wandb.init(project="off", id="long0001")
    for step in range(2_500):
        run.log({f"key{key}": step * key for key in range(5)} | {"text": "x" * 40})
    run.finish()


def artifact() -> None:
    run = wandb.init(project="off", id="made0001")
    run.log({"a": 1})
    made = wandb.Artifact("weights", type="model")
    with made.new_file("a.txt") as file:
        file.write("a")
    run.log_artifact(made)
    run.finish()


globals()[sys.argv[1]]()
