"""Assay's tests: a folder per layer, `support` for what they share, `repo` for house rules."""
