"""The composition root: settings, application, lifespan, logging, health and static files.

The only place that reads the server's environment and wires the layers together; it holds no rule.
"""
