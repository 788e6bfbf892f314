"""The gate runner: the sandbox, and what a scorer must hand back.

A client-side package like the SDK: it imports the domain, `bundles` and the standard library, and
runs where the models are. No rule about who passes lives here; the server decides from the rows.
"""
