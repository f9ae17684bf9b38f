"""``python -m tests.watchers PORT COUNT``: so many dashboards that are open at once, until it is killed."""

import http.client
import random
import sys
import threading
import time

PERIOD = 2.0
REDRAWS = 7
"""A page is drawn anew each so many questions, as where little happens."""


def watch(port: int) -> None:
    """What a page does: listen where there is room, else ask; and be drawn anew."""
    time.sleep(random.random() * PERIOD)
    stream = http.client.HTTPConnection("127.0.0.1", port)
    stream.request("GET", "/live")
    listens = stream.getresponse().status == 200
    if not listens:
        stream.close()
    for number in range(sys.maxsize):
        if number % REDRAWS == 0:
            ask(port, "/")
        elif not listens:
            ask(port, "/live/now")
        time.sleep(PERIOD)


def ask(port: int, path: str) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port)
    line.request("GET", path)
    line.getresponse().read()
    line.close()


if __name__ == "__main__":
    threads = [threading.Thread(target=watch, args=(int(sys.argv[1]),)) for _ in range(int(sys.argv[2]))]
    for thread in threads:
        thread.start()
    print("watching", flush=True)
