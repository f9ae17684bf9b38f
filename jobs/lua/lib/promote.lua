-- promote(prefix, queue, most, now, stamp, moved, limited): hand the scheduled jobs of a queue that are due to the
-- queue, or to their lanes, and add their ids to moved. A job that waits for a rate-limit slot is RQ's to hand
-- over: it stays where it is, and its id is added to limited.
local function promote(prefix, queue, most, now, stamp, moved, limited)
  local scheduled = prefix .. ':scheduled:' .. queue
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', scheduled, '-inf', now, 'LIMIT', 0, most)) do
    local status, lane, limit, front, ended = unpack(redis.call('HMGET', prefix .. ':job:' .. id,
      'status', 'key', 'rate_limit_key', 'enqueue_at_front_on_retry', 'ended_at'))
    if status == 'scheduled' and limit and limit ~= '' then
      limited[#limited + 1] = id
    else
      redis.call('ZREM', scheduled, id)
      if status == 'scheduled' then
        place(prefix, id, queue, lane, now, stamp, front == '1' and ended and ended ~= '')
        moved[#moved + 1] = id
      end
    end
  end
end
