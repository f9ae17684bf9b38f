"""``python -m jobs``: daemons are started from here without the command line's library in memory."""

import sys

from jobs.daemons import DAEMONS, run

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in DAEMONS:
        sys.exit(run(sys.argv[1], sys.argv[2:]))
    from jobs.cli import main

    main()
