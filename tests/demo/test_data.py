"""What the data promises: disjoint splits, equal arrays for equal seeds, an honest version."""

from pathlib import Path

import numpy as np
import pytest

from assay.demo.data import SPLITS, Digits, data_version, make_digits, read_domain, write_domain
from assay.domain.errors import DataCorrupted, InvalidArgument


def test_equal_seeds_give_equal_arrays(digits: Digits) -> None:
    """The same seed makes the same images and labels again."""
    again = make_digits(20)

    for name in SPLITS:
        for one, other in ((digits.clean, again.clean), (digits.scanner, again.scanner)):
            assert np.array_equal(getattr(one, name).pixels, getattr(other, name).pixels)
            assert np.array_equal(getattr(one, name).labels, getattr(other, name).labels)


def test_no_exam_item_is_a_training_image(digits: Digits) -> None:
    """No image of one split occurs in another split of its domain."""
    for domain in (digits.clean, digits.scanner):
        seen: set[bytes] = set()
        for name in SPLITS:
            images = {image.tobytes() for image in getattr(domain, name).pixels}
            assert images.isdisjoint(seen)
            seen |= images


def test_both_domains_show_the_same_digits(digits: Digits) -> None:
    """A source digit is in the same split of both domains, so nothing leaks between them."""
    assert np.array_equal(digits.clean.holdout.labels, digits.scanner.holdout.labels)
    assert np.array_equal(digits.clean.validation.labels, digits.scanner.validation.labels)
    scans = len(digits.scanner.train) // len(digits.clean.train)
    assert np.array_equal(np.tile(digits.clean.train.labels, scans), digits.scanner.train.labels)


def test_the_holdout_is_large_enough_to_decide(digits: Digits) -> None:
    """The gate scores at least 300 items and every class is among them."""
    assert len(digits.scanner.holdout) >= 300
    assert set(digits.scanner.holdout.labels.tolist()) == set(range(10))


def test_what_is_written_is_read_back(digits: Digits, tmp_path: Path) -> None:
    """Files hold exactly the arrays."""
    write_domain(digits.scanner, tmp_path)

    again = read_domain(tmp_path)

    for name in SPLITS:
        assert np.array_equal(getattr(again, name).pixels, getattr(digits.scanner, name).pixels)
        assert np.array_equal(getattr(again, name).labels, getattr(digits.scanner, name).labels)


def test_the_data_version_does_not_depend_on_the_place(digits: Digits, tmp_path: Path) -> None:
    """The same data written twice has one version, another domain has another."""
    first = write_domain(digits.scanner, tmp_path / "here")

    assert write_domain(digits.scanner, tmp_path / "there" / "deep") == first
    assert write_domain(digits.clean, tmp_path / "clean") != first
    assert first.startswith("sha256:")
    assert len(first) == len("sha256:") + 64


def test_one_changed_pixel_changes_the_data_version(digits: Digits, tmp_path: Path) -> None:
    """A single grey level in one image is another data version."""
    before = write_domain(digits.scanner, tmp_path)
    path = tmp_path / "holdout.pixels.npy"
    pixels = np.load(path, allow_pickle=False)
    pixels[17, 5] ^= 1
    np.save(path, pixels, allow_pickle=False)

    after = data_version(tmp_path)
    pixels[17, 5] ^= 1
    np.save(path, pixels, allow_pickle=False)

    assert after != before
    assert data_version(tmp_path) == before


def test_a_changed_label_or_another_name_changes_the_data_version(
    digits: Digits, tmp_path: Path
) -> None:
    """Labels and file names are part of the version."""
    before = write_domain(digits.scanner, tmp_path)
    labels = tmp_path / "train.labels.csv"
    text = labels.read_text()
    labels.write_text(text.replace("\n0,", "\n0,1", 1))
    relabelled = data_version(tmp_path)
    labels.write_text(text)
    labels.rename(tmp_path / "train.names.csv")

    assert len({before, relabelled, data_version(tmp_path)}) == 3


def test_an_empty_folder_has_no_data_version(tmp_path: Path) -> None:
    """Nothing is not data; the refusal names the field."""
    with pytest.raises(InvalidArgument) as refusal:
        data_version(tmp_path)

    assert refusal.value.field == "data_version"


def test_images_without_their_labels_are_refused(digits: Digits, tmp_path: Path) -> None:
    """A split whose files disagree is reported and not trained on."""
    write_domain(digits.scanner, tmp_path)
    labels = tmp_path / "validation.labels.csv"
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[:-1]))

    with pytest.raises(DataCorrupted, match="validation"):
        read_domain(tmp_path)
