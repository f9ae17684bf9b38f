#!lua flags=allow-oom
-- promote: hand the scheduled jobs of a queue that are due to the queue, or to their lanes.
-- A job that waits for a rate-limit slot is RQ's to hand over: it stays where it is and is returned.
--
-- KEYS  1 the queue's scheduled registry. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2 queue, 3 how many at most
-- returns  how many were handed over, then the ids of due jobs that have a rate limit

-- @include iso
-- @include clock
-- @include place
-- @include hand_over
-- @include promote
local moved, limited = {}, {}
promote(ARGV[1], ARGV[2], ARGV[3], now, stamp, moved, limited)
return { #moved, unpack(limited) }
