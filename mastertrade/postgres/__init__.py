"""The embedded PostgreSQL: found, started, shared and stopped.

No module here imports Django: settings need the server before Django exists.
"""
