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


FORK = """
import os, signal, sys, time
from jobs.supervise.stop import ignore, on_signal
stop = on_signal(signal.SIGTERM)
ignore(signal.SIGINT)
heard, tell = os.pipe()
for number, right in ((signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 7)):
    for _ in range(30):
        if not (pid := os.fork()):
            try:
                if number == signal.SIGINT:
                    os.write(tell, b".")
                while True:
                    time.sleep(0.01)
            finally:
                os._exit(7)
        if number == signal.SIGINT:
            os.read(heard, 1)
        os.kill(pid, number)  # SIGTERM at once, when it may not have run a line yet
        assert (code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])) == right, (number, code)
assert not stop.is_set()
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait(10)
print("stopped")
"""


def test_a_fork_has_the_signals_of_any_process_and_we_keep_ours() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "stopped\n", done.stderr
