"""Work by the clock: rq-scheduler's store, delayed jobs, retries and heartbeats, by one leader at a time."""
