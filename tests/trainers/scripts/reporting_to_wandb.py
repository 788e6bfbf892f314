"""A trainer that reports to W&B, told nothing but that: `reporting_to_wandb.py KIND`."""

import json
import sys
from collections.abc import Callable
from typing import Any

import tiny
import wandb
from datasets import Dataset
from transformers import Trainer, TrainingArguments
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

COMMON = {
    "output_dir": "out",
    "max_steps": tiny.STEPS,
    "per_device_train_batch_size": 2,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "wandb",
    "use_cpu": True,
}
TRL = {**COMMON, "bf16": False}


def plain() -> Trainer:
    words = tiny.tokenizer()
    rows = [words(text, padding="max_length", max_length=8) for text in tiny.QUESTIONS]
    data = [{**row, "labels": row["input_ids"]} for row in rows]
    arguments = TrainingArguments(run_name="plain trainer", **COMMON)
    return Trainer(model=tiny.base_model(), args=arguments, train_dataset=data)


def sft() -> Trainer:
    data = Dataset.from_list([{"text": text} for text in tiny.QUESTIONS])
    return of(SFTTrainer, SFTConfig(max_length=16, **TRL), data)


def dpo() -> Trainer:
    rows = [{"prompt": text, "chosen": " yes", "rejected": " no"} for text in tiny.QUESTIONS]
    return of(DPOTrainer, DPOConfig(max_length=16, **TRL), Dataset.from_list(rows))


def says_yes(completions: list[str], **_: object) -> list[float]:
    """One point for every yes."""
    return [float(text.count("yes")) for text in completions]


def grpo() -> Trainer:
    data = Dataset.from_list([{"prompt": text} for text in tiny.QUESTIONS])
    arguments = GRPOConfig(num_generations=2, max_completion_length=6, log_completions=True, **TRL)
    return of(GRPOTrainer, arguments, data, reward_funcs=says_yes)


def of(kind: Callable[..., Trainer], arguments: object, data: Dataset, **more: Any) -> Trainer:
    return kind(
        model=tiny.base_model(),
        args=arguments,
        train_dataset=data,
        processing_class=tiny.tokenizer(),
        **more,
    )


trainer = {"plain": plain, "sft": sft, "dpo": dpo, "grpo": grpo}[sys.argv[1]]()
trainer.train()
run_id = wandb.run.id
wandb.finish()
print("ANSWER", json.dumps({"run_id": run_id}))  # noqa: T201 - how the test hears of it
