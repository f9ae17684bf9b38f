-- promote(prefix, queue, most, now, stamp, moved): hand over the scheduled jobs of a queue that are due, and those that
-- RQ's own functions let go and did not get to queue. Adds their ids to moved.
local function promote(prefix, queue, most, now, stamp, moved)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', prefix .. ':scheduled:' .. queue, '-inf', now, 'LIMIT', 0, most)) do
    if hand_over(prefix, id, queue, now, stamp) then moved[#moved + 1] = id end
  end
  local ready = prefix .. ':ready:' .. queue
  for _, id in ipairs(redis.call('ZRANGE', ready, 0, most - 1)) do
    redis.call('ZREM', ready, id)
    if redis.call('HGET', prefix .. ':job:' .. id, 'status') == 'ready_to_enqueue' then
      let_go(prefix, id, now, stamp)
      moved[#moved + 1] = id
    end
  end
end
