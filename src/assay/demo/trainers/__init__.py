"""Two training scripts that differ only in the client that records them; the demonstration copies them.

They run from a git checkout of their own, like anybody's trainer, and are never imported.
"""
