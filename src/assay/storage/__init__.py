"""SQL on SQLite and PostgreSQL: the catalogue, migrations, and one module of statements per aggregate.

Functions take a transaction first, run a handful of statements, return domain values and never
commit. No rules, no bytes of artifacts and no metric payload formats live here.
"""
