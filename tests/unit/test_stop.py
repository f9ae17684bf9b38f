"""``jobs.supervise.stop``: a flood of signals, at any moment, sets the flag and hangs nothing."""

import subprocess
import sys

from tests.support import ROOT

FLOOD = """
import os, signal, threading
from jobs.supervise.stop import on_signal
stop = on_signal()
threading.Thread(target=lambda: [os.kill(os.getpid(), n) for _ in range(300) for n in (15, 2)], daemon=True).start()
while not stop.wait(0.0001):
    pass
for _ in range(300):
    stop.wait(0.0001)
print("stopped")
"""


def test_signals_inside_signals_hang_nothing() -> None:
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", FLOOD], cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert done.stdout == "stopped\n", done.stderr
