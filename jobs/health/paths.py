"""The addresses at which health answers."""

PATHS = ("/livez", "/readyz", "/health", "/healthz", "/health/queue", "/queue/stats", "/metrics")
