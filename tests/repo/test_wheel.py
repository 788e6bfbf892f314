"""What a wheel of this repository holds."""

import subprocess
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_a_wheel_holds_every_file_of_the_package() -> None:
    """Schemas, migrations and type marks are read at run time; one left out would show only there."""
    listed = subprocess.run(
        ["git", "ls-files", "src/assay"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = {line.removeprefix("src/") for line in listed.stdout.splitlines()}
    tracked = {name for name in tracked if (ROOT / "src" / name).exists()}
    builder = WheelBuilder(str(ROOT))
    packed = {file.distribution_path for file in builder.recurse_included_files()}
    assert any(name.endswith(".graphql") for name in tracked)
    assert tracked <= packed
