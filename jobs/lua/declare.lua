-- declare: have a schedule be what the code says. One that is that already keeps its slot, and a paused one has none.
-- One that was an orphan goes on at the slot at which it had stopped.
--
-- KEYS  1 the schedules (a hash of specs), 2 the slots (a sorted set), 3 what is kept of the schedule (a hash),
--       4 the orphans (a sorted set, by the slot at which each had stopped)
-- ARGV  1 schedule, 2 spec, 3 its next slot
-- returns  1 it is new or another than before, 0 it was so already

local schedule, spec, slot = ARGV[1], ARGV[2], ARGV[3]
local same = redis.call('HGET', KEYS[1], schedule) == spec
local orphaned = redis.call('ZSCORE', KEYS[4], schedule)
if same and redis.call('ZSCORE', KEYS[2], schedule) then return 0 end
redis.call('HSET', KEYS[1], schedule, spec)
redis.call('ZREM', KEYS[4], schedule)
redis.call('HDEL', KEYS[3], 'error', 'orphaned')
if redis.call('HEXISTS', KEYS[3], 'paused') == 0 then
  redis.call('ZADD', KEYS[2], same and orphaned or slot, schedule)
end
return same and 0 or 1
