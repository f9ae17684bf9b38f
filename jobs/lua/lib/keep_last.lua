-- keep_last(prefix, id, kind, keep, now, stamp): of the finished or failed jobs of a task keep the last so many. keep is
-- what the job's hash says: how many finished and how many failed ones ('' for any number), and the task. Drops the
-- oldest beyond that, 20 at most; one that others wait for, or whose follow-ups are owed, stays until later.
local function keep_last(prefix, id, kind, keep, now, stamp)
  local finished, failed, task = string.match(keep or '', '^(%d*),(%d*),(.+)$')
  local most = tonumber(kind == 'finished' and finished or failed)
  if not most then return end
  local index = prefix .. ':signalbox:kept:' .. kind .. ':' .. task
  redis.call('ZADD', index, now, id)
  redis.call('EXPIRE', index, 31536000)
  local many = redis.call('ZCARD', index) - most
  if many <= 0 then return end
  for _, old in ipairs(redis.call('ZRANGE', index, 0, math.min(many, 20) - 1)) do
    local status = redis.call('HGET', prefix .. ':job:' .. old, 'status')
    local is_kind = status == kind or (kind == 'failed' and status == 'stopped')
    if not is_kind then
      redis.call('ZREM', index, old) -- it has gone, or runs anew
    elseif #awaiting(prefix, old, status, 1) == 0 and erase(prefix, old, now, stamp) then
      redis.call('ZREM', index, old)
    end
  end
end
