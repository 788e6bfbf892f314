"""The `assay` command: one module per noun, human tables by default and JSON on request.

Starts light: the server and the services are imported inside the commands that need them.
"""
