"""A Chromium that is installed, never one that is downloaded."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "no Chromium on PATH (chromium, chromium-browser or google-chrome), so the dashboard was not looked at; "
    "on Debian: apt-get install chromium"
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


def find() -> str | None:
    """Where one is."""
    return next(filter(None, map(shutil.which, NAMES)), None)
