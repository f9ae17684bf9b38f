-- trim(prefix, queue, now, stamp, last, most): drop from the registries of a queue what has expired, and of its
-- finished jobs all but the last so many ('' for any number), those that expire first. Looks at most entries of each.
-- Returns how many were dropped. What is kept for ever counts, and stays. It goes by the time alone, as the server does
-- where a job has a time to live: who still waits for one that failed so long ago is told that it is gone.
local YEAR, FOR_EVER = 31536000, 4102444800

-- A job that has gone by itself: RQ's notes of who depends on whom have not. Returns nil when they are still needed.
local function forget(prefix, id)
  local outbox = prefix .. ':signalbox:outbox'
  if redis.call('ZSCORE', outbox, id .. ':finished') or redis.call('ZSCORE', outbox, id .. ':failed') then return nil end
  redis.call('DEL', prefix .. ':job:' .. id .. ':dependents', prefix .. ':job::' .. id .. ':dependencies')
  return true
end

local function drop(prefix, registry, ids, now, stamp)
  local dropped = 0
  for _, id in ipairs(ids) do
    local erased = erase(prefix, id, now, stamp)
    if erased == false and redis.call('EXISTS', prefix .. ':job:' .. id) == 0 then erased = forget(prefix, id) end
    if erased ~= nil then
      redis.call('ZREM', registry, id) -- it may have gone, or run anew
      dropped = dropped + 1
    end
  end
  return dropped
end

local function trim(prefix, queue, now, stamp, last, most)
  local dropped = 0
  for kind, expired in pairs({ finished = now, failed = now, canceled = now - YEAR }) do
    local registry = prefix .. ':' .. kind .. ':' .. queue
    local ids = redis.call('ZRANGEBYSCORE', registry, 0, expired, 'LIMIT', 0, most)
    if #ids > 0 then dropped = dropped + drop(prefix, registry, ids, now, stamp) end
  end
  local finished = prefix .. ':finished:' .. queue
  local many = last ~= '' and redis.call('ZCARD', finished) - last or 0
  if many > 0 then
    local ids = redis.call('ZRANGEBYSCORE', finished, 0, '(' .. FOR_EVER, 'LIMIT', 0, math.min(many, most))
    dropped = dropped + drop(prefix, finished, ids, now, stamp)
  end
  return dropped
end
