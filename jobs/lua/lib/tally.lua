-- tally(prefix, now, name, cells): add up what the history says of a name ('all', 'queue:…', 'task:…') in the minute
-- and in the hour that it is. Cells are symbols, each with its count; X and Y are the longest of something. There are 100
-- names at most beside 'all': a new one takes the place of one that has not been heard of for a day, or is counted in
-- 'all' only.
local function add_cells(key, field, cells, expires)
  local before = redis.call('HGET', key, field)
  if before then
    local counts, order = {}, {}
    for symbol, count in string.gmatch(before .. cells, '(%D+)(%d+)') do
      if not counts[symbol] then order[#order + 1] = symbol end
      local is_longest = symbol == 'X' or symbol == 'Y'
      counts[symbol] = is_longest and math.max(counts[symbol] or 0, tonumber(count))
        or (counts[symbol] or 0) + tonumber(count)
    end
    for at, symbol in ipairs(order) do order[at] = symbol .. string.format('%d', counts[symbol]) end
    cells = table.concat(order)
  end
  redis.call('HSET', key, field, cells)
  if not before then redis.call('EXPIREAT', key, expires) end
end

local function has_place(names, now, name)
  if name == 'all' or redis.call('ZSCORE', names, name) then return true end
  redis.call('ZREMRANGEBYSCORE', names, '-inf', now - 2592000)
  if redis.call('ZCARD', names) < 100 then return true end
  return redis.call('ZREMRANGEBYSCORE', names, '-inf', now - 86400) > 0
end

local function tally(prefix, now, name, cells)
  local ours, hour, day = prefix .. ':signalbox:', math.floor(now / 3600), math.floor(now / 86400)
  local names = ours .. 'history'
  if not has_place(names, now, name) then return end
  if name ~= 'all' then
    redis.call('ZADD', names, now, name)
    redis.call('EXPIRE', names, 2592000)
  end
  add_cells(string.format('%sminutes:%d:%s', ours, hour, name), math.floor(now / 60) % 60, cells, (hour + 25) * 3600)
  add_cells(string.format('%squarters:%d:%s', ours, day, name), math.floor(now / 3600) % 24 * 4, cells, (day + 31) * 86400)
end
