-- promote(prefix, queue, most, now, stamp, moved, limited): hand the scheduled jobs of a queue that are due to the
-- queue, or to their lanes, and add their ids to moved. A job that waits for a rate-limit slot is RQ's to hand
-- over: it stays where it is, and its id is added to limited.
local function promote(prefix, queue, most, now, stamp, moved, limited)
  local due = redis.call('ZRANGEBYSCORE', prefix .. ':scheduled:' .. queue, '-inf', now, 'LIMIT', 0, most)
  for _, id in ipairs(due) do
    local handed_over = hand_over(prefix, id, queue, now, stamp)
    if handed_over then
      moved[#moved + 1] = id
    elseif handed_over == nil then
      limited[#limited + 1] = id
    end
  end
end
