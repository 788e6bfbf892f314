"""Lightning's `MLFlowLogger`, which speaks to the server without the fluent API."""

import os

import lightning
import tiny
import torch
from lightning.pytorch.loggers import MLFlowLogger
from torch.utils.data import DataLoader


class LanguageModel(lightning.LightningModule):
    """The tiny model under Lightning's loop."""

    def __init__(self, base_model: str, lr: float, seed: int, **rest: object) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = tiny.base_model().train()

    def training_step(self, batch: torch.Tensor, number: int) -> torch.Tensor:
        loss = self.model(input_ids=batch, labels=batch).loss
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.hparams["lr"])


lightning.seed_everything(7)
words = tiny.tokenizer()
rows = [
    torch.tensor(words(text, padding="max_length", max_length=8)["input_ids"])
    for text in tiny.QUESTIONS
]
# More hyperparameters than one batch of the wire may carry.
layers = {f"layer_{n}": {"dropout": n / 1000, "frozen": n % 2 == 0} for n in range(60)}
logger = MLFlowLogger("lightning", tracking_uri=os.environ["MLFLOW_TRACKING_URI"], log_model=True)
module = LanguageModel(base_model=tiny.BASE, lr=0.01, seed=7, layers=layers)
trainer = lightning.Trainer(
    accelerator="cpu",
    max_steps=tiny.STEPS,
    log_every_n_steps=1,
    logger=logger,
    enable_progress_bar=False,
)
trainer.fit(module, DataLoader(rows, batch_size=2))
module.model.save_pretrained("out/model")
tiny.hand_in(logger.run_id, "out/model")
