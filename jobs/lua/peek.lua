#!lua flags=no-writes
-- peek: who has left a row in another db of this server, or under another prefix, and what waits in its queues.
--
-- KEYS  none: they are in another db
-- ARGV  1 the db, 2 the prefix there, 3 how many queues to look at
-- returns  the time, the rows, the times seen, those of processes that only put jobs in, for each queue its name and
--          length

redis.call('SELECT', ARGV[1])
local prefix, lengths = ARGV[2], {}
local ours = prefix .. ':signalbox:'
for number, key in ipairs(redis.call('SMEMBERS', prefix .. ':queues')) do
  if number > tonumber(ARGV[3]) then break end
  lengths[#lengths + 1] = string.sub(key, #prefix + 8)
  lengths[#lengths + 1] = redis.call('LLEN', key)
end
return { redis.call('TIME'), redis.call('HGETALL', ours .. 'processes'), redis.call('ZRANGE', ours .. 'seen', 0, -1, 'WITHSCORES'),
  redis.call('ZRANGE', ours .. 'apps', 0, -1, 'WITHSCORES'), lengths }
