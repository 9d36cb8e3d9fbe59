"""Django's database backend for PostgreSQL, whose transactions have time limits."""
