"""The engine's scripts, driven at random on a real server, against what must always hold.

``Model`` knows what a reader of ARCHITECTURE.md would: which jobs were accepted, in what order, and which child holds
what. ``Machine`` acts, as keepers, children, schedulers, people and stock RQ tools do, and compares after each step.
"""
