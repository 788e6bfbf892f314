"""One set of digits and one base for every test in this folder: nothing changes them."""

import pytest

from assay.demo.data import Digits, make_digits
from assay.demo.sweep import BASE_SEED, DATA_SEED
from assay.demo.training import Adapter, BaseModel, TuningConfig, fine_tune, pretrain_base

BRIEF = TuningConfig(lr=0.01, lora_r=4, lora_alpha=4, steps=200, eval_every=50)


@pytest.fixture(scope="session")
def digits() -> Digits:
    """Both domains of the demonstration."""
    return make_digits(DATA_SEED)


@pytest.fixture(scope="session")
def base(digits: Digits) -> BaseModel:
    """The pretrained base of the demonstration."""
    return pretrain_base(digits.clean.train, BASE_SEED)


@pytest.fixture(scope="session")
def adapter(digits: Digits, base: BaseModel) -> Adapter:
    """A short fine-tuning on the scanner domain."""
    scanner = digits.scanner
    return fine_tune(
        base,
        BRIEF,
        seed=3,
        train=scanner.train,
        validation=scanner.validation,
        on_step=lambda _step, _metrics: None,
    )
