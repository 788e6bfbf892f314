"""The client library: runs, the spool that never blocks a training loop, transport and downloads.

Imports the domain only and holds no server code; heavy modules are loaded when they are first used.
"""
