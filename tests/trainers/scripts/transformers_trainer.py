"""`transformers.Trainer` opens and closes the run by itself."""

import mlflow
import tiny
from transformers import Trainer, TrainingArguments

words = tiny.tokenizer()
rows = [words(text, padding="max_length", max_length=8) for text in tiny.QUESTIONS]
trainer = Trainer(
    model=tiny.base_model(),
    args=TrainingArguments(
        output_dir="out",
        max_steps=tiny.STEPS,
        per_device_train_batch_size=2,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=tiny.STEPS,
        save_strategy="steps",
        save_steps=tiny.STEPS,
        report_to="mlflow",
        run_name="plain trainer",
        use_cpu=True,
    ),
    train_dataset=[{**row, "labels": row["input_ids"]} for row in rows],
    eval_dataset=[{**row, "labels": row["input_ids"]} for row in rows[:4]],
)
trainer.train()
trainer.save_model("out/model")
tiny.hand_in(mlflow.last_active_run().info.run_id, "out/model")
