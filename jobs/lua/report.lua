#!lua flags=allow-oom
-- report: write down how far a running job says it is, unless it has said more since or runs elsewhere by now.
--
-- KEYS  1 the job
-- ARGV  1 token of the execution that says so, 2 number of what it says: later ones are higher, 3 share from 0 to 1,
--       4 text
-- returns  1, or 0 when nothing was written

-- @include iso
-- @include clock
local token, number = ARGV[1], tonumber(ARGV[2])
local status, execution, by = unpack(redis.call('HMGET', KEYS[1], 'status', 'execution', 'progress_by'))
if status ~= 'started' or execution ~= token then return 0 end
local last_token, last_number = string.match(by or '', '^(%d+):(%d+)$')
if last_token == token and tonumber(last_number) >= number then return 0 end
redis.call('HSET', KEYS[1], 'progress', ARGV[3], 'progress_text', ARGV[4], 'progress_at', stamp,
  'progress_by', token .. ':' .. ARGV[2])
return 1
