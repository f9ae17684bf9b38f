"""The line, broken in every way that can be shown in a minute, each with what is then said of it."""
