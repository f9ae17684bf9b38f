-- free_slot(prefix, id, limit, now, stamp): a job needs its slot no more, and does not wait for one.
local function free_slot(prefix, id, limit, now, stamp)
  redis.call('ZREM', prefix .. ':rl:' .. limit .. ':rate_limited', id)
  redis.call('ZREM', prefix .. ':rl:' .. limit .. ':allowed', id)
  fill_slots(prefix, limit, now, stamp)
end
