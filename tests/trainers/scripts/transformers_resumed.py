"""A training that fails half-way, and on its second start goes on in the same run."""

import json
import os

import mlflow
import tiny
from transformers import Trainer, TrainerCallback, TrainingArguments

HALF = 3


class PowerCut(RuntimeError):
    """What ends the first half."""


class CutAtHalf(TrainerCallback):
    """Pulls the plug as soon as the first checkpoint is safe."""

    def on_save(self, args: object, state: object, control: object, **_: object) -> None:
        if state.global_step == HALF:
            raise PowerCut


def a_trainer() -> Trainer:
    words = tiny.tokenizer()
    rows = [words(text, padding="max_length", max_length=8) for text in tiny.QUESTIONS]
    return Trainer(
        model=tiny.base_model(),
        args=TrainingArguments(
            output_dir="out",
            max_steps=2 * HALF,
            per_device_train_batch_size=2,
            logging_steps=1,
            save_strategy="steps",
            save_steps=HALF,
            report_to="mlflow",
            use_cpu=True,
        ),
        train_dataset=[{**row, "labels": row["input_ids"]} for row in rows],
    )


run_id = os.environ.get("MLFLOW_RUN_ID")  # the client takes it out of the environment
if run_id is not None:
    trainer = a_trainer()
    trainer.train(resume_from_checkpoint=True)
    trainer.save_model("out/model")
    tiny.hand_in(run_id, "out/model")
else:
    trainer = a_trainer()
    trainer.add_callback(CutAtHalf)
    try:
        with mlflow.start_run() as run:
            trainer.train()
    except PowerCut:
        print("ANSWER", json.dumps({"run_id": run.info.run_id}))  # noqa: T201 - as in tiny
