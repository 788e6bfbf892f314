"""TRL's `SFTTrainer`, inside a run that the script opened."""

import mlflow
import tiny
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

with mlflow.start_run(run_name="sft") as run:
    trainer = SFTTrainer(
        model=tiny.base_model(),
        args=SFTConfig(
            output_dir="out",
            max_steps=tiny.STEPS,
            per_device_train_batch_size=2,
            logging_steps=1,
            save_strategy="no",
            report_to="mlflow",
            max_length=16,
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=Dataset.from_list([{"text": text} for text in tiny.QUESTIONS]),
        processing_class=tiny.tokenizer(),
    )
    trainer.train()
    trainer.save_model("out/model")
tiny.hand_in(run.info.run_id, "out/model")
