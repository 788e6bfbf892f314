"""What a saved model promises: the same predictions, the same bytes, no pickle, its own base."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.demo.checkpoint import (
    adapter_digest,
    base_reference,
    load_adapter,
    load_base,
    save_adapter,
    save_base,
)
from assay.demo.data import Digits
from assay.demo.training import Adapter, BaseModel, predict, pretrain_base
from assay.domain.errors import DataCorrupted


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_a_loaded_adapter_predicts_what_the_saved_one_did(
    digits: Digits, adapter: Adapter, tmp_path: Path
) -> None:
    """Saving and loading changes no prediction, no weight and no setting."""
    save_adapter(adapter, tmp_path)

    again = load_adapter(tmp_path)

    pixels = digits.scanner.holdout.pixels
    assert np.array_equal(predict(again, pixels), predict(adapter, pixels))
    assert adapter_digest(again) == adapter_digest(adapter)
    assert (again.config, again.seed) == (adapter.config, adapter.seed)


def test_a_loaded_base_predicts_what_the_saved_one_did(
    digits: Digits, base: BaseModel, tmp_path: Path
) -> None:
    """The same holds for the base alone."""
    save_base(base, tmp_path)

    again = load_base(tmp_path)

    pixels = digits.clean.holdout.pixels
    assert np.array_equal(predict(again, pixels), predict(base, pixels))
    assert base_reference(again) == base_reference(base)


def test_equal_weights_give_equal_files(adapter: Adapter, tmp_path: Path) -> None:
    """Saving twice gives the same bytes; another setting changes the config file only."""
    save_adapter(adapter, tmp_path / "one")
    save_adapter(adapter, tmp_path / "two")
    other = replace(adapter, config=replace(adapter.config, eval_every=99))
    save_adapter(other, tmp_path / "three")

    one, three = contents(tmp_path / "one"), contents(tmp_path / "three")
    assert one == contents(tmp_path / "two")
    assert sorted(one) == ["adapter.npz", "adapter_config.json", "base.npz"]
    assert {name for name in one if one[name] != three[name]} == {"adapter_config.json"}


def test_a_pickle_in_the_place_of_weights_is_not_loaded(adapter: Adapter, tmp_path: Path) -> None:
    """An array of Python objects is refused, because reading it would run code."""
    save_adapter(adapter, tmp_path)
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "adapter.npz", a_0=objects, b_0=objects, a_1=objects, b_1=objects)

    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_adapter(tmp_path)


def test_an_adapter_is_not_put_on_another_base(
    digits: Digits, adapter: Adapter, tmp_path: Path
) -> None:
    """The config names the base by its weights, and a swapped base is found out."""
    save_adapter(adapter, tmp_path)
    save_base(pretrain_base(digits.clean.train, 1), tmp_path)

    with pytest.raises(DataCorrupted) as refusal:
        load_adapter(tmp_path)

    assert refusal.value.details["base_model"] == base_reference(adapter.base)


def test_the_config_file_says_how_the_adapter_was_made(adapter: Adapter, tmp_path: Path) -> None:
    """Rank, learning rate, seed and base can be read without loading a weight."""
    save_adapter(adapter, tmp_path)

    config = json.loads((tmp_path / "adapter_config.json").read_text())

    assert config | adapter.config.params() == config
    assert config["seed"] == adapter.seed
    assert config["base_model"] == base_reference(adapter.base)
