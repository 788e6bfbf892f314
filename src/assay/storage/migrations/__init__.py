"""Numbered plain-SQL migrations; no Python lives here."""
