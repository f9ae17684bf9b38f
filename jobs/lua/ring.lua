-- ring: send a heartbeat down a queue, to its front, past any backlog. Where one still waits, none is
-- added, so that a dead worker never finds a pile of them; one that nobody has taken for so long expires.
--
-- KEYS  1 the queue, 2 the queue's heartbeat, 3 the set of queues, 4 the new job
-- ARGV  1 prefix, 2 job id, 3 seconds until it expires, 4… field, value of the job
-- returns  1 sent, 0 one still waits

-- @include iso
local before = redis.call('HGET', KEYS[2], 'sent_id')
if before and redis.call('LPOS', KEYS[1], before, 'MAXLEN', 1000) then
  if redis.call('HGET', ARGV[1] .. ':job:' .. before, 'status') == 'queued' then return 0 end
  redis.call('LREM', KEYS[1], 1, before) -- it has expired, and only its id is left
end
local time = redis.call('TIME')
local stamp = iso(tonumber(time[1]), tonumber(time[2]))
redis.call('HSET', KEYS[4], 'created_at', stamp, 'enqueued_at', stamp, 'status', 'queued', unpack(ARGV, 4))
redis.call('EXPIRE', KEYS[4], ARGV[3])
redis.call('SADD', KEYS[3], KEYS[1])
redis.call('LPUSH', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'sent_id', ARGV[2],
  'sent_at', string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1e6))
redis.call('EXPIRE', KEYS[2], 7 * 86400)
return 1
