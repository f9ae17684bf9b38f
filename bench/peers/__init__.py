"""The peers' programs, one file each: its app, ``feed``, and ``WORKER``, its worker's command line.

They are run by the peer's own interpreter, which has nothing of Signalbox. ``REDIS_URL`` says which database to use;
``BENCH_FILE`` is where ``bench.record`` writes.
"""
