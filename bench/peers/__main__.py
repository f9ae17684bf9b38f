"""``python -m bench.peers PEER feed JOBS`` fills its queue; ``… PEER work`` becomes its worker."""

import os
import sys
from importlib import import_module

if __name__ == "__main__":
    peer = import_module(f"bench.peers.{sys.argv[1]}")
    if sys.argv[2] == "feed":
        peer.feed(int(sys.argv[3]))
    else:
        os.execv(sys.executable, [sys.executable, "-m", *peer.WORKER])
