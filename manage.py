#!/usr/bin/env python
"""Django's command line, with the settings of this project."""

import os
import sys


def main() -> None:
    is_test = sys.argv[1:2] == ["test"]
    settings = "mastertrade.settings_test" if is_test else "mastertrade.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
