"""`assay completion`: what a shell needs to complete commands and flags."""

from __future__ import annotations

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script by which a shell completes commands, flags and their choices.

    Keep it where the shell looks, and print it again after an upgrade:

        assay completion bash > ~/.local/share/bash-completion/completions/assay
        assay completion zsh > ~/.zfunc/_assay    # with ~/.zfunc in fpath
        assay completion fish > ~/.config/fish/completions/assay.fish

    Args:
        shell: The shell that it is for.
    """
    from assay.cli.main import build

    sys.stdout.write(build([]).generate_completion(prog_name="assay", shell=shell))
