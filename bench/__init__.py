"""Measures Signalbox against RQ and its peers: ``python -m bench [FIGURE…]``.

All run the same work, in turns, in one run on one server, so that what a busy machine costs them cancels in the
ratio. Of ours, only what users of Signalbox use is imported: tasks, ``enqueue_many``, settings, the worker.
"""
