-- tell: add what a process has counted to what all have counted. A batch that comes again, because its answer was
-- lost, counts once.
--
-- KEYS  1 the meters, 2 the last batch of this process
-- ARGV  1 prefix, 2 a random name of this batch, 3 how many fields of the meters there are, then for each: field, by
--       how much; then for each name of the history: name, cells
-- returns  1, or 0 when it was taken before

-- @include iso
-- @include clock
-- @include tally
if redis.call('GET', KEYS[2]) == ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', 86400)
local first = 4 + 2 * tonumber(ARGV[3])
for at = 4, first - 1, 2 do redis.call('HINCRBYFLOAT', KEYS[1], ARGV[at], ARGV[at + 1]) end
for at = first, #ARGV, 2 do tally(ARGV[1], now, ARGV[at], ARGV[at + 1]) end
return 1
