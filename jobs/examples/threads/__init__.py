"""Threads: conversations with an assistant that allows one run a thread at a time, and refuses a second one."""
