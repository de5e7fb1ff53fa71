"""`python -m local COMMAND`: run (the default), invoke, import or aws.

Starts on any Python, continues with the checkout's own.
Standard library only, and old syntax: this file runs before the version of Python is known.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USAGE = """usage: python -m local [run]                        the whole product on this machine, in the foreground
       python -m local invoke NAME [--event FILE] [--stage STAGE]
                                                    one function, here or deployed; JSON on standard output
       python -m local import FILE --account A --list L [--stage STAGE] [--dry-run]
                                                    the contacts of a CSV file to a list
       python -m local aws [--port N]               the embedded AWS alone, in the foreground
"""


def main(arguments):
    # type: (list[str]) -> int
    """Runs the command; returns the exit code."""
    arguments = arguments or ["run"]
    if arguments[0] not in ("run", "invoke", "import", "aws"):
        asked = arguments[0] in ("-h", "--help", "help")
        (sys.stdout if asked else sys.stderr).write(USAGE)
        return 0 if asked else 2
    _use_venv_python()
    command, rest = arguments[0], arguments[1:]
    if command == "aws":
        from local.aws.__main__ import main as aws

        return aws(rest)
    if command == "invoke":
        from local.invoke import main as invoke

        return invoke(rest)
    if command == "import":
        from local.import_contacts import main as import_contacts

        return import_contacts(rest)
    from local.run import main as run

    return run(rest)


def _use_venv_python():
    # type: () -> None
    """Re-execute with the Python of `.venv`, unless this is it."""
    python = ROOT / ".venv" / "bin" / "python"
    if Path(sys.prefix).resolve() == (ROOT / ".venv").resolve():
        return
    if not python.exists() or os.environ.get("RELAIS_LOCAL_PYTHON"):
        sys.stderr.write("There is no usable .venv in this checkout: run `make run` first, which creates it.\n")
        sys.exit(1)
    os.environ["RELAIS_LOCAL_PYTHON"] = str(python)
    known = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in (str(ROOT), known) if part)
    os.environ.pop("PYTHONHOME", None)
    sys.stdout.flush()
    os.execv(str(python), [str(python), "-m", "local", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
