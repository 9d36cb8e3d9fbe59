"""How gunicorn serves MasterTrade; it finds this file in the directory it starts in."""

bind = "127.0.0.1:8000"
workers = 2
# Of each worker; each keeps a connection of its own to the database.
threads = 4
loglevel = "warning"
# A request's first line, in bytes: an address with every filter there is.
limit_request_line = 8190
