"""Check this machine, make `.venv`, then run a command in it; `make` calls this.

Every Python since 2.7 reads this file: one that is too old says so in one line.
"""

import os
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036
    found = "%d.%d.%d" % sys.version_info[:3]  # noqa: UP031
    remedy = "install one, then: make PYTHON=python3.12 run"
    for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
        try:
            with open(os.devnull, "w") as null:
                command = [name, "-c", "import ensurepip, venv"]
                works = not subprocess.call(command, stdout=null, stderr=null)
        except OSError:
            continue
        if works:
            remedy = "this machine has one: make PYTHON=" + name + " run"
            break
    sys.exit(
        "MasterTrade needs Python 3.11 or newer; "
        + sys.executable
        + " is "
        + found
        + ". Nothing was changed; "
        + remedy
    )

from mastertrade.installing import main

main()
