"""The proof at full length: the scenarios of ``tests.chaos``, at default timing. ``python -m tests.soak --help``."""
