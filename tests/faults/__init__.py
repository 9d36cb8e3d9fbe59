"""What a killed process leaves behind: nothing half done, nothing lost, nothing twice.

Real processes on a PostgreSQL of the run's own: gunicorn, `manage.py`, and PostgreSQL
itself are ended with SIGKILL while requests, closes and imports are under way. Not part
of the suite: `make faults` (or `pytest tests/faults -m faults`).

A process that is killed is not a machine that loses power: what the kernel has taken
from PostgreSQL is still written. That fsync is on is checked, not what disks do.
"""
