"""The demonstration's data: scikit-learn's scanned digits as two domains, on disk and versioned.

The *clean* domain is the digits as they ship. The *scanner* domain is the same kind of digit as a
badly mounted scanner sends it: turned by 90 degrees, negative, pale and noisy. A source digit is in
one split only, and in the same split of both domains, so no exam item was ever trained on.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.demo.network import Labels
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.errors import DataCorrupted, InvalidArgument

Pixels: TypeAlias = NDArray[np.uint8]

SIDE = 8
CLASSES = 10
SPLITS = ("train", "validation", "holdout")

_SPLIT_SIZES = (997, 300, 500)
_SCANS_PER_TRAINING_DIGIT = 3
_SHIPPED_MAXIMUM = 16
_CONTRAST = 0.6
_NOISE_STANDARD_DEVIATION = 30.0


@dataclass(frozen=True, slots=True)
class Split:
    """Images, (n, 64) of 0..255 row by row, and the digits that they show, (n,) of 0..9."""

    pixels: Pixels
    labels: Labels

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Domain:
    """One kind of image, split into what trains, what chooses and what examines."""

    train: Split
    validation: Split
    holdout: Split


@dataclass(frozen=True, slots=True)
class Digits:
    """Both domains: `clean` pretrains the base, `scanner` is what the adapters have to learn."""

    clean: Domain
    scanner: Domain


def make_digits(seed: int) -> Digits:
    """Return both domains, made from scikit-learn's digits; equal seeds give equal arrays."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - loading it takes seconds

    shipped = load_digits()
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(shipped.target))
    images = np.rint(shipped.images[order] * (255 / _SHIPPED_MAXIMUM)).astype(np.uint8)
    labels = shipped.target[order].astype(np.uint8)
    clean: list[Split] = []
    scanner: list[Split] = []
    start = 0
    for name, size in zip(SPLITS, _SPLIT_SIZES, strict=True):
        part, part_labels = images[start : start + size], labels[start : start + size]
        copies = _SCANS_PER_TRAINING_DIGIT if name == "train" else 1
        clean.append(Split(part.reshape(size, -1), part_labels))
        scanner.append(
            Split(
                np.concatenate([_scan(part, generator) for _ in range(copies)]),
                np.tile(part_labels, copies),
            )
        )
        start += size
    return Digits(Domain(*clean), Domain(*scanner))


def write_domain(domain: Domain, folder: Path) -> str:
    """Write `<split>.pixels.npy` and `<split>.labels.csv` per split; return the data version."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SPLITS:
        split: Split = getattr(domain, name)
        np.save(folder / f"{name}.pixels.npy", split.pixels, allow_pickle=False)
        with (folder / f"{name}.labels.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["index", "label"])
            writer.writerows(enumerate(split.labels.tolist()))
    return data_version(folder)


def read_domain(folder: Path) -> Domain:
    """Read what `write_domain` wrote; raise `DataCorrupted` when images and labels do not agree."""
    return Domain(*(_read_split(folder, name) for name in SPLITS))


def data_version(folder: Path) -> str:
    """Return `sha256:` and the artifact digest of the folder, as if all its files were logged.

    Raise `InvalidArgument` when the folder holds no file.
    """
    files = [
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    ]
    if not files:
        message = f"{folder} holds no file, so it has no data version; write the data first."
        raise InvalidArgument(message, field="data_version")
    entries = []
    for name, path in files:
        content = path.read_bytes()
        entries.append(ManifestEntry(name, len(content), hashlib.sha256(content).hexdigest()))
    return f"sha256:{artifact_digest(entries)}"


def _scan(images: Pixels, generator: np.random.Generator) -> Pixels:
    turned = np.rot90(images, axes=(1, 2)).astype(np.float64)
    pale = 127.5 - (turned - 127.5) * _CONTRAST
    noisy = pale + generator.normal(0.0, _NOISE_STANDARD_DEVIATION, pale.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8).reshape(len(images), -1)


def _read_split(folder: Path, name: str) -> Split:
    pixels = np.load(folder / f"{name}.pixels.npy", allow_pickle=False)
    with (folder / f"{name}.labels.csv").open(encoding="utf-8", newline="") as file:
        labels = np.array([int(row["label"]) for row in csv.DictReader(file)], dtype=np.uint8)
    if pixels.shape != (len(labels), SIDE * SIDE) or pixels.dtype != np.uint8:
        message = f"The {name} images in {folder} do not match their labels; write the data again."
        raise DataCorrupted(message, split=name)
    return Split(pixels, labels)
