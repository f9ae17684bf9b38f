"""Tasks that start processes of their own, and ask them to end."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

from jobs import task

PROGRAM = "print('up', flush=True); import time; time.sleep(60)"


def double(number: int) -> int:
    return 2 * number


def dwell(pipe: int) -> None:
    os.write(pipe, b".")
    time.sleep(60)


@task(attempts=1, timeout=20)
def use_pool() -> list[int]:
    """Leaves the pool while a process of it is at work, so that only a signal ends that."""
    begun, begin = os.pipe()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(double, range(3))
        pool.apply_async(dwell, (begin,))
        os.read(begun, 1)
        return found


@task(attempts=1, timeout=20)
def terminate_process() -> int | None:
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    process.start()
    process.terminate()
    process.join()
    return process.exitcode


@task(attempts=1, timeout=20)
def interrupt_fork() -> int:
    """How a fork ends that waits for SIGINT; 3: as Python does by default."""
    pid = os.fork()
    if not pid:
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            os._exit(3)
    time.sleep(0.1)
    os.kill(pid, signal.SIGINT)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@task(attempts=1, timeout=20)
def end_program(number: int) -> int:
    """How a program ends that is sent this signal."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as one:
        assert one.stdout
        one.stdout.readline()
        one.send_signal(number)
        return one.wait()
