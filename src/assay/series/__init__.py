"""Metric points: their binary formats, how pieces merge, how curves are thinned for charts.

Nothing in here knows a run, a request or a table layout; a series is three equally long columns.
"""
