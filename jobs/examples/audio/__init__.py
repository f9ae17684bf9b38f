"""Audio: work that keeps a processor busy, in processes of its own, with its progress shown."""
