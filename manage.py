#!/usr/bin/env python
"""Django's command line, with the settings of this project."""

import os
import shutil
import sys
from pathlib import Path

from mastertrade.interrupts import ends_in_one_line

# PostgreSQL makes its log of changes in files of this size, and ends where it cannot.
LOG_FILE_BYTES = 16_000_000
NO_SPACE = (
    "No space is left on the disk. Nothing is left half made; make room and start "
    "again."
)
NOT_MIGRATED = (
    "The database lacks tables of this version. Run `python manage.py migrate`, then "
    "start again."
)


def main() -> None:
    is_test = sys.argv[1:2] == ["test"]
    settings = "mastertrade.settings_test" if is_test else "mastertrade.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)

    from django.db import OperationalError, ProgrammingError

    from mastertrade.postgres import DatabaseUnavailable

    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except (DatabaseUnavailable, OperationalError, OSError) as error:
        if has_no_space(error):
            sys.exit(NO_SPACE)
        # The backend says it in an error of the driver's, which Django wraps.
        reason = error.__cause__ and error.__cause__.__cause__
        for one in (error, reason):
            if isinstance(one, DatabaseUnavailable):
                sys.exit(str(one))
        raise
    except ProgrammingError:
        if lacks_tables():
            sys.exit(NOT_MIGRATED)
        raise


def lacks_tables() -> bool:
    """Whether a migration is not applied."""
    from mastertrade.web.health import find_pending_migrations

    return bool(find_pending_migrations())


def has_no_space(error: Exception) -> bool:
    """Whether a full disk is why; PostgreSQL that ended for it only hangs up."""
    if "No space left on device" in str(error):
        return True
    return shutil.disk_usage(Path(__file__).parent).free < LOG_FILE_BYTES


if __name__ == "__main__":
    with ends_in_one_line():
        main()
