"""A sound, measured as a job: nothing but computing, so it wants ``--pool process``."""

import os
import time
from pathlib import Path
from typing import Any

from jobs import progress, task
from jobs.examples.audio.listen import listen
from jobs.examples.audio.waves import rate_of, sound

QUEUE = "audio"


@task(queue=QUEUE, timeout=1800, attempts=2)
def measure(path: str) -> dict[str, Any]:
    """What is heard of a WAV file, which process heard it, and how many seconds of a processor that took.

    Raises ``wave.Error`` for a file that is no PCM.
    """
    began = time.process_time()
    with sound(Path(path), rate_of(Path(path)) // 10) as found:
        heard = listen(found, progress)
    return {**heard._asdict(), "pid": os.getpid(), "computed": round(time.process_time() - began, 3)}
