"""Assay's own HTTP API under `/api/v1`: routes, wire types, errors, OpenAPI and live streams.

Business rules are in the services and the domain; other dialects are in the sibling faces.
"""
