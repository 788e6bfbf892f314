"""Suite folders and the frozen bundles that are made of them: read, packed, unpacked and checked.

Whoever handles one computes what it is from its bytes: the author's command, the server, the gate
runner. Nothing here runs a scorer, knows a gate or talks to a server; it imports the domain only.
"""
