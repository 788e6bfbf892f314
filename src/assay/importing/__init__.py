"""Bringing the history of other servers here: sources that are only read, and how each thing arrives.

A client: it reaches Assay over the native API alone. Nothing of a server, and nothing that deserialises
models, belongs here.
"""
