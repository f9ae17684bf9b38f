"""``python -m jobs``: daemons are started from here without the command line's library in memory."""

import sys

from jobs.errors import SettingsError
from jobs.missing import told


def main() -> None:
    from jobs.daemons import DAEMONS, run
    from jobs.logs import bear_with_terminal

    bear_with_terminal()
    if len(sys.argv) > 1 and sys.argv[1] in DAEMONS:
        sys.exit(run(sys.argv[1], sys.argv[2:]))
    try:
        import jobs.keys  # noqa: F401 - says what is wrong with a key prefix, before RQ does
        from jobs.cli import main as commands
    except SettingsError as error:
        print(f"signalbox: {error}", file=sys.stderr)
        sys.exit(2)
    commands()


if __name__ == "__main__":
    with told():
        main()
