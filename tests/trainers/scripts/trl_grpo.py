"""TRL's `GRPOTrainer` with a reward of the script's own, inside a run that the script opened."""

import mlflow
import tiny
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer


def says_yes(completions: list[str], **_: object) -> list[float]:
    """One point for every yes."""
    return [float(text.count("yes")) for text in completions]


with mlflow.start_run(run_name="grpo") as run:
    trainer = GRPOTrainer(
        model=tiny.base_model(),
        reward_funcs=says_yes,
        args=GRPOConfig(
            output_dir="out",
            max_steps=tiny.STEPS,
            per_device_train_batch_size=2,
            num_generations=2,
            max_completion_length=6,
            logging_steps=1,
            save_strategy="no",
            report_to="mlflow",
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": text} for text in tiny.QUESTIONS]),
        processing_class=tiny.tokenizer(),
    )
    trainer.train()
    trainer.save_model("out/model")
tiny.hand_in(run.info.run_id, "out/model")
