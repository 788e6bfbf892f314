"""Object bytes under their SHA-256 digest, streamed in and out.

No path that a user sent arrives here: names and folders are rows in the database.
"""
