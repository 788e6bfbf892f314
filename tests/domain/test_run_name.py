from hypothesis import given
from hypothesis import strategies as st

from assay.domain.names import check_run_name
from assay.domain.run_name import generate_run_name


@given(st.binary(min_size=4, max_size=16))
def test_a_generated_name_is_legal_and_repeatable(random_bytes: bytes) -> None:
    """Adjective, noun and number; the same digits give the same name."""
    name = generate_run_name(random_bytes.hex())
    adjective, noun, number = name.split("-")
    assert adjective.isalpha()
    assert noun.isalpha()
    assert 0 <= int(number) < 1000
    assert check_run_name(name) == name
    assert generate_run_name(random_bytes.hex()) == name


def test_names_differ() -> None:
    """Neighbouring numbers do not give the same name."""
    names = {generate_run_name(f"{number * 65_537:08x}") for number in range(1_000)}
    assert len(names) > 900
