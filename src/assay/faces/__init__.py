"""What the wire sees: one package per protocol, and the endpoint and body parts they share.

A face parses, makes a neutral service call and answers in its own dialect, errors included. It
holds no rule, reaches storage only through the services, and never calls another face.
"""
