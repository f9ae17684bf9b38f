#!lua flags=allow-oom
-- advance: let the next job of each lane go, where the one before it is over.
--
-- KEYS  1 the sorted set of lanes. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2… lane keys
-- returns  the ids of the jobs let go

-- @include iso
-- @include advance
local time = redis.call('TIME')
local stamp = iso(tonumber(time[1]), tonumber(time[2]))
local gone = {}
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], 'XX', tonumber(time[1]), ARGV[i]) -- looked at: the next sweep begins with others
  gone[#gone + 1] = advance(ARGV[1], ARGV[i], tonumber(time[1]), stamp) or nil
end
return gone
