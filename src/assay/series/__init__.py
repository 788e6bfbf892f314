"""Metric points: group-commit queue, tail, summaries, chunks, and the readers that merge them.

What a point is and how two of them merge is the domain's; run tables and search read summaries.
"""
