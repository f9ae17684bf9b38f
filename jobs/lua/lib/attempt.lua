-- attempt(prefix, id, hash, now, why, failed): write down an execution that did not come to its end, where settle
-- writes those that did. When it began is not known here, only when it was given out. An empty why: it was lost with
-- its worker.
local function attempt(prefix, id, hash, now, why, failed)
  local results = prefix .. ':results:' .. id
  local worker, token, claimed = unpack(redis.call('HMGET', hash, 'worker_name', 'execution', 'started_at'))
  local entry = { 'type', '2', 'worker_name', worker or '', 'execution_id', token or '', 'claimed_at', claimed or '',
    'execution_ended_at', string.format('%.6f', now) }
  if why ~= '' then entry[#entry + 1], entry[#entry + 2] = 'exc_string', why end
  if not failed then entry[#entry + 1], entry[#entry + 2] = 'interrupted', 1 end
  redis.call('XADD', results, 'MAXLEN', 100, '*', unpack(entry))
  redis.call('EXPIRE', results, 31536000)
end
