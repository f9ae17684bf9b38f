#!lua flags=no-writes
-- queued: which jobs wait in a queue, the latest first, by when each was put there and by its id; a part of them.
-- The order in which they will run is another one: whatever was put back waits at the front. So the first jobs are
-- looked at one by one, and only what follows them is taken to be in order of time.
--
-- KEYS  1 the queue
-- ARGV  1 prefix, 2 and 3 when the job was put there after which to go on, and its id ('' for the latest),
--       4 how many at most
-- returns  for each its id, and when it was put there

local prefix, stamp, after, wanted = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local FRONT, STEP = 1000, 200
local found = {}

local function time_of(id)
  local time = redis.pcall('HGET', prefix .. ':job:' .. id, 'enqueued_at')
  return type(time) == 'string' and time -- no time, too, where there is no hash
end

local function look(id)
  local time = time_of(id)
  if time and (stamp == '' or time < stamp or (time == stamp and id < after)) then
    found[#found + 1] = { time, id }
  end
  return time
end

-- Where the jobs end that are not later than the stamp. Of an id whose job is gone, its neighbour tells the time.
local function boundary(first, last)
  while first < last do
    local middle = math.floor((first + last) / 2)
    local at, time = middle, nil
    while at >= first and not time do
      time = time_of(redis.call('LINDEX', KEYS[1], at))
      at = at - 1
    end
    if time and time > stamp then last = at + 1 else first = middle + 1 end
  end
  return first
end

local function look_at_back(last)
  local latest
  while last >= FRONT do
    local first = math.max(last - STEP + 1, FRONT)
    local ids = redis.call('LRANGE', KEYS[1], first, last)
    for at = #ids, 1, -1 do
      local time = look(ids[at])
      if time and time ~= latest and #found > wanted then return end -- all of one time, or none: they lie in any order
      latest = time or latest
    end
    last = first - 1
  end
end

local length = redis.call('LLEN', KEYS[1])
look_at_back((stamp == '' and length or boundary(FRONT, math.max(length, FRONT))) - 1)
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, FRONT - 1)) do look(id) end
table.sort(found, function(a, b) return a[1] > b[1] or (a[1] == b[1] and a[2] > b[2]) end)
local reply = {}
for at = 1, math.min(wanted, #found) do
  reply[#reply + 1], reply[#reply + 2] = found[at][2], found[at][1]
end
return reply
