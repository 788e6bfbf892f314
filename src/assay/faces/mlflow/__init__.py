"""The MLflow face: its REST dialect, spoken by unmodified MLflow clients, on top of our services.

Here live the messages of that protocol, how they are read and written, the one table from our errors
to its codes, and the routes. No rule lives here: what may happen is decided by the services.
"""
