"""A sweep with its agents: `sweep.py PROJECT KIND`; agents are processes of their own."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import os
import subprocess
import sys
from pathlib import Path

import wandb
from wandb.agents.pyagent import Agent

Agent.HEARTBEAT_SLEEP_SECONDS = 0.2
GRID = {
    "method": "grid",
    "name": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {
        "lr": {"values": [0.1, 0.2, 0.3]},
        "optimizer": {"parameters": {"name": {"values": ["adam", "sgd"]}}},
        "seed": {"value": 7},
    },
}
RANDOM = {
    "method": "random",
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2},
        "depth": {"min": 1, "max": 5},
        "drop": {"distribution": "q_uniform", "min": 0, "max": 0.5, "q": 0.25},
    },
}
BAYES = {
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"min": -10.0, "max": 10.0}, "lr": {"value": 0.0}},
}
CONFIGS = {"grid": GRID, "random": RANDOM, "bayes": BAYES}


def train() -> None:
    run = wandb.init()
    config = dict(run.config)
    loss = (config["x"] - 3) ** 2 if "x" in config else config["lr"]
    run.log({"loss": loss})
    run.finish()


def work(project: str, sweep_id: str, count: str) -> None:
    """An agent, until it is told to leave or has done so many runs."""
    wandb.agent(sweep_id, function=train, project=project, count=int(count) or None)


def agent(project: str, sweep_id: str, count: int = 0, folder: str = "agent") -> subprocess.Popen:
    place = Path(folder)
    place.mkdir(exist_ok=True)
    command = [sys.executable, "-W", "ignore", __file__, project, "work", sweep_id, str(count)]
    return subprocess.Popen(command, env={**os.environ, "WANDB_DIR": str(place.resolve())})


def told(project: str, sweep_id: str) -> dict:
    sweep = wandb.Api().sweep(f"{project}/{sweep_id}")
    runs = list(sweep.runs)
    best = sweep.best_run() if "metric" in sweep.config else None
    return {
        "state": sweep.state,
        "expected": sweep.expected_run_count,
        "configs": [dict(run.config) for run in runs],
        "states": [run.state for run in runs],
        "losses": [run.summary["loss"] for run in runs],
        "best": None if best is None else best.summary["loss"],
        "agents": [each.total_runs for each in sweep.agents()],
        "of_run": runs[0].sweep_name if runs else None,
        "id": sweep_id,
        "sweeps": [each.id for each in wandb.Api().project(project).sweeps()],
    }


def main(project: str, kind: str, count: str = "0", agents: str = "1") -> None:
    sweep_id = wandb.sweep(CONFIGS[kind], project=project)
    started = [agent(project, sweep_id, int(count), f"agent{n}") for n in range(int(agents))]
    for process in started:
        assert process.wait(100) == 0
    print(json.dumps(told(project, sweep_id)))


if sys.argv[2] == "work":
    work(sys.argv[1], *sys.argv[3:])
else:
    main(sys.argv[1], *sys.argv[2:])
