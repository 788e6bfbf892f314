"""The W&B face: what an unmodified wandb client says, on top of our services.

Here live its GraphQL (the schema as SDL files, one module of resolvers for each domain), its file stream,
its signed addresses for uploads and downloads, and the one table from our errors to what its client
acts on. W&B's words, id forms and statuses stay inside this package. No rule lives here: what may
happen is decided by the services.
"""
