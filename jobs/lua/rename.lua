#!lua flags=allow-oom
-- rename: give a job that a child holds another id, because its own is no text. It leaves its lane, which goes by ids.
--
-- KEYS  1 the child's held jobs, 2 the job by its new id
-- ARGV  1 prefix, 2 its id, 3 the new one
-- returns  nothing

local prefix, id, name = unpack(ARGV)
local held = redis.call('HGET', KEYS[1], id)
if not held then return end
redis.call('HDEL', KEYS[1], id)
redis.call('HSET', KEYS[1], name, held)
local token, queue = string.match(held, '^(%d+):([^\n]*)')
local running = prefix .. ':wip:' .. queue
redis.call('ZADD', running, redis.call('ZSCORE', running, id .. ':' .. token) or 0, name .. ':' .. token)
redis.call('ZREM', running, id .. ':' .. token)
redis.call('RENAME', prefix .. ':job:' .. id, KEYS[2])
redis.call('HDEL', KEYS[2], 'key')
