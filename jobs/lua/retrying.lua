#!lua flags=no-writes
-- retrying: how many of the scheduled jobs of each queue have failed before, and are to be tried again, as state_of says
-- in jobs/catalog/states.py. Those that are due first are looked at: a retry comes soon.
--
-- KEYS  the scheduled registries
-- ARGV  1 prefix, 2 how many jobs of each queue to look at
-- returns  for each queue how many

local counts = {}
for number, registry in ipairs(KEYS) do
  counts[number] = 0
  if redis.call('TYPE', registry).ok == 'zset' then
    for _, id in ipairs(redis.call('ZRANGE', registry, 0, ARGV[2] - 1)) do
      local first, left, again = unpack(redis.call('HMGET', ARGV[1] .. ':job:' .. id,
        'retries', 'retries_left', 'number_of_retries'))
      if (tonumber(again) or 0) > 0 or (tonumber(left) or 0) < (tonumber(first) or 0) then
        counts[number] = counts[number] + 1
      end
    end
  end
end
return counts
