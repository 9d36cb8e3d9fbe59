#!/usr/bin/env python
"""Django's command line, with the settings of this project."""

import os
import sys

from mastertrade.interrupts import ends_in_one_line


def main() -> None:
    is_test = sys.argv[1:2] == ["test"]
    settings = "mastertrade.settings_test" if is_test else "mastertrade.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)

    from django.db import OperationalError

    from mastertrade.postgres import DatabaseUnavailable

    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except DatabaseUnavailable as error:
        sys.exit(str(error))
    except OperationalError as error:
        reason = error.__cause__ and error.__cause__.__cause__
        if not isinstance(reason, DatabaseUnavailable):
            raise
        sys.exit(str(reason))


if __name__ == "__main__":
    with ends_in_one_line():
        main()
