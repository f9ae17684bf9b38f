"""Measures Signalbox against RQ: ``python -m bench [FIGURE…]``.

Ours and RQ run the same work, in turns, in one run on one server, so that what a busy machine costs both of them
cancels in the ratio. Only what users of Signalbox use is imported: tasks, ``enqueue_many``, settings, the worker.
"""
