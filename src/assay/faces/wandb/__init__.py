"""The dialect of an unmodified W&B client: GraphQL, file stream and artifact storage.

W&B's words, id forms and statuses stay inside this package.
"""
