"""Tasks that leave something behind which is not theirs to leave."""

import sys
import threading
import time

from jobs import task


@task(attempts=1)
def leave_thread() -> None:
    threading.Thread(target=time.sleep, args=(600,), daemon=False).start()


@task(attempts=1)
def close_output() -> None:
    sys.stdout.close()
    sys.stderr.close()


@task(attempts=1)
def speak(text: str) -> None:
    print(text)
    raise ValueError(text)
