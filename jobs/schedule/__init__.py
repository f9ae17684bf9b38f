"""Work by the clock: schedules, rq-scheduler's store, delayed jobs, retries and heartbeats, by one leader at a time."""
