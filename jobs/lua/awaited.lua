#!lua flags=no-writes
-- awaited: which jobs wait for one because they depend on it.
--
-- KEYS  1 the job, 2 the set of ids that depend on it. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2 id, 3 how many ids at most
-- returns  their ids, in order

-- @include awaiting
return awaiting(ARGV[1], ARGV[2], redis.call('HGET', KEYS[1], 'status'), tonumber(ARGV[3]))
