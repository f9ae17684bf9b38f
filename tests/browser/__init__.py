"""The dashboard in a real browser: one stack and one Chromium for all of it."""
