"""Single workers: three types, of each one works; another of a type stands by, and takes over when the first dies."""
