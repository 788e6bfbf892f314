"""Models as folders of plain files: `.npz` archives of arrays and one JSON, never a pickle.

A base is `base.npz`. A tuned model is `base.npz`, `adapter.npz` and `adapter_config.json`, which is
everything that a scorer needs to run it. Equal weights give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from assay.demo.network import Floats, Layer, LowRankPair
from assay.demo.training import Adapter, BaseModel, TuningConfig
from assay.domain.errors import DataCorrupted

BASE_FILE = "base.npz"
ADAPTER_FILE = "adapter.npz"
CONFIG_FILE = "adapter_config.json"


def save_base(base: BaseModel, folder: Path) -> None:
    """Write `base.npz` with `weight_<i>` and `bias_<i>` for every layer."""
    arrays: dict[str, Floats] = {}
    for index, layer in enumerate(base.layers):
        arrays[f"weight_{index}"] = layer.weight
        arrays[f"bias_{index}"] = layer.bias
    _write_arrays(folder, BASE_FILE, arrays)


def load_base(folder: Path) -> BaseModel:
    """Read what `save_base` wrote."""
    with np.load(folder / BASE_FILE, allow_pickle=False) as arrays:
        return BaseModel(
            tuple(
                Layer(arrays[f"weight_{index}"], arrays[f"bias_{index}"])
                for index in range(len(arrays.files) // 2)
            )
        )


def save_adapter(adapter: Adapter, folder: Path) -> None:
    """Write the base, the adapter (`a_<i>`, `b_<i>` for every adapted layer) and its config."""
    save_base(adapter.base, folder)
    arrays: dict[str, Floats] = {}
    for index, pair in enumerate(adapter.pairs):
        arrays[f"a_{index}"] = pair.a
        arrays[f"b_{index}"] = pair.b
    _write_arrays(folder, ADAPTER_FILE, arrays)
    config = {
        "peft_type": "LORA",
        "base_model": base_reference(adapter.base),
        "base_model_file": BASE_FILE,
        "target_layers": list(range(len(adapter.pairs))),
        "seed": adapter.seed,
        **adapter.config.params(),
    }
    text = json.dumps(config, indent=2, sort_keys=True)
    (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")


def load_adapter(folder: Path) -> Adapter:
    """Read what `save_adapter` wrote; raise `DataCorrupted` when it was made for another base."""
    base = load_base(folder)
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    if config["base_model"] != base_reference(base):
        message = f"The adapter in {folder} was made for {config['base_model']}, not for this base."
        raise DataCorrupted(message, base_model=config["base_model"])
    with np.load(folder / ADAPTER_FILE, allow_pickle=False) as arrays:
        pairs = tuple(
            LowRankPair(arrays[f"a_{index}"], arrays[f"b_{index}"])
            for index in config["target_layers"]
        )
    names = TuningConfig.__dataclass_fields__
    return Adapter(
        base, pairs, TuningConfig(**{name: config[name] for name in names}), config["seed"]
    )


def base_reference(base: BaseModel) -> str:
    """Return what lineage names the base: its kind and the SHA-256 over its weights."""
    arrays = [array for layer in base.layers for array in (layer.weight, layer.bias)]
    return f"digits-mlp@sha256:{_digest(arrays)}"


def adapter_digest(adapter: Adapter) -> str:
    """Return the SHA-256, as 64 hex digits, over the adapter's weights and nothing else."""
    return _digest([array for pair in adapter.pairs for array in (pair.a, pair.b)])


def _digest(arrays: list[Floats]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _write_arrays(folder: Path, name: str, arrays: dict[str, Floats]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / name, allow_pickle=False, **arrays)
