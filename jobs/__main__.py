"""``python -m jobs``: daemons are started from here without the command line's library in memory."""

import sys

from jobs.daemons import DAEMONS, run
from jobs.errors import SettingsError

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in DAEMONS:
        sys.exit(run(sys.argv[1], sys.argv[2:]))
    try:
        from jobs.cli import main
    except SettingsError as error:  # a key prefix that cannot be used shows at import
        print(f"signalbox: {error}", file=sys.stderr)
        sys.exit(2)
    main()
