"""What the scripts share: a language model of a few thousand weights, and how it is handed in.

Nothing is downloaded: words, weights and data are made here, from a fixed seed.
"""

import json
import sys
from pathlib import Path

import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

STEPS = 5
BASE = "tiny-base"
DATA_VERSION = "questions@2026-11-01"
MODEL_NAME = sys.argv[1]

WORDS = ["<pad>", "<eos>", "<unk>", "what", "is", "one", "two", "three", "plus", "yes", "no"]
QUESTIONS = ["what is one plus two", "what is two plus two", "is one two", "is three three"] * 4

torch.set_num_threads(1)
torch.manual_seed(0)


def tokenizer() -> PreTrainedTokenizerFast:
    """One token per word."""
    words = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        padding_side="left",
    )


def base_model() -> LlamaForCausalLM:
    """A model loaded from a folder, as a downloaded one would be."""
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(BASE)
    tokenizer().save_pretrained(BASE)
    return LlamaForCausalLM.from_pretrained(BASE)


def hand_in(run_id: str, folder: str) -> None:
    """Register what was trained: first without saying on which data, then with it."""
    client = MlflowClient()
    client.log_artifacts(run_id, folder, "model")
    client.create_registered_model(MODEL_NAME)

    def register() -> str:
        source = f"runs:/{run_id}/model"
        return str(client.create_model_version(MODEL_NAME, source, run_id).version)

    answer: dict[str, object] = {
        "run_id": run_id,
        "files": sorted(path.name for path in Path(folder).iterdir()),
    }
    try:
        answer["unsaid"] = register()
    except MlflowException as refusal:
        answer["refusal"] = str(refusal)
    client.log_param(run_id, "dataset_version", DATA_VERSION)
    answer["version"] = register()
    print("ANSWER", json.dumps(answer))  # noqa: T201 - how the test hears of it
