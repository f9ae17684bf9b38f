-- list(names, name, now, milliseconds): note among the names of locks that one is held for so long. The whole goes with
-- the one that lasts longest.
local function list(names, name, now, milliseconds)
  redis.call('ZADD', names, string.format('%.3f', now + milliseconds / 1000), name)
  if redis.call('PTTL', names) < milliseconds then redis.call('PEXPIRE', names, milliseconds) end
end
