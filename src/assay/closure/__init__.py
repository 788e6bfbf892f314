"""Looking up what a lineage names, where an operator allows it: git, DVC, lakeFS, hubs, buckets, folders.

Every look is read-only, bounded in time and size, and answers a `Finding`; a fault of a source is the
answer `unknown`, never an exception. Which references are looked up, and what is kept of the answers,
is decided in the services.
"""
