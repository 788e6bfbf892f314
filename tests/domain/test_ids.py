import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.ids import (
    mint_id,
    mint_model_id,
    mint_run_id,
    parse_digest,
    parse_experiment_id,
    parse_hex_id,
    parse_model_id,
    parse_run_id,
    parse_version,
)


@given(st.binary(min_size=16, max_size=16))
def test_minted_ids_are_legal_and_keep_all_their_randomness(random_bytes: bytes) -> None:
    """What is minted parses, and two different draws are two ids."""
    run_id, model_id = mint_run_id(random_bytes), mint_model_id(random_bytes)
    assert parse_run_id(run_id) == parse_hex_id(run_id, "id") == random_bytes.hex()
    assert parse_model_id(model_id) == "m-" + run_id
    assert mint_id(random_bytes, "t-") == "t-" + run_id


@pytest.mark.parametrize("size", [0, 15, 17])
def test_ids_are_minted_from_sixteen_bytes(size: int) -> None:
    """Fewer would collide, more would not fit."""
    with pytest.raises(ValueError, match="16"):
        mint_id(bytes(size))


@pytest.mark.parametrize("run_id", ["a", "0" * 32, "run_1-B", "x" * 256])
def test_clients_may_choose_run_ids(run_id: str) -> None:
    """Any word of letters, digits, hyphens and underscores that starts with a letter or digit."""
    assert parse_run_id(run_id) == run_id


@pytest.mark.parametrize(
    "run_id", ["", "-a", "_a", "a/b", "a b", "é", "x" * 257, "..", "a\n", "a\0", None, 5]
)
def test_other_run_ids_are_refused(run_id: object) -> None:
    """Nothing that could be a path, a space or another script."""
    with pytest.raises(InvalidArgument) as caught:
        parse_run_id(run_id)
    assert caught.value.field == "run_id"


def test_the_other_ids_have_their_own_forms() -> None:
    """Experiments, logged models and hexadecimal ids."""
    assert parse_experiment_id("0") == "0"
    assert parse_experiment_id("x" * 64)
    for parse, wrong in (
        (parse_experiment_id, "x" * 65),
        (parse_experiment_id, 0),
        (parse_model_id, "m-" + "A" * 32),
        (parse_model_id, "0" * 32),
    ):
        with pytest.raises(InvalidArgument):
            parse(wrong)
    with pytest.raises(InvalidArgument):
        parse_hex_id("g" * 32, "id")


def test_a_digest_may_name_its_algorithm() -> None:
    """`sha256:` in front is understood and dropped; anything else is refused."""
    digest = "0a" * 32
    assert parse_digest(digest) == parse_digest("sha256:" + digest) == digest
    for wrong in (
        digest.upper(),
        digest[:-1],
        "md5:" + digest,
        "sha256:sha256:" + digest,
        "",
        None,
    ):
        with pytest.raises(InvalidArgument) as caught:
            parse_digest(wrong, "sha256")
        assert caught.value.field == "sha256"


def test_versions_count_from_one() -> None:
    """A number or its plain text."""
    assert parse_version(3) == parse_version("3") == 3
    for wrong in (0, -1, "0", "01", "3.0", "", True, None, 3.0, "v3", 10**9, "٣"):
        with pytest.raises(InvalidArgument):
            parse_version(wrong)
