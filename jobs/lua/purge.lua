#!lua flags=allow-oom
-- purge: remove the jobs of one registry that ended longer ago than a time, as far as they are over, and no other waits
-- for them. A call looks at a part of it.
--
-- KEYS  1 the registry: finished, failed or canceled of a queue. All other keys share its prefix and hash tag.
-- ARGV  1 prefix, 2 seconds ago, 3 how many entries to pass over, 4 how many to look at
-- returns  how many were looked at, how many of them were removed

-- @include iso
-- @include clock
-- @include advance
-- @include awaiting
-- @include unpark
-- @include erase
local prefix, limit = ARGV[1], now - tonumber(ARGV[2])
local before = iso(math.floor(limit), math.floor(limit % 1 * 1e6))
local ids = redis.call('ZRANGE', KEYS[1], ARGV[3], ARGV[3] + ARGV[4] - 1)
local removed = 0
for _, id in ipairs(ids) do
  local status, ended = unpack(redis.call('HMGET', prefix .. ':job:' .. id, 'status', 'ended_at'))
  if ended and ended ~= '' and ended <= before and #awaiting(prefix, id, status, 1) == 0
    and erase(prefix, id, now, stamp) then
    redis.call('ZREM', KEYS[1], id)
    removed = removed + 1
  end
end
return { #ids, removed }
