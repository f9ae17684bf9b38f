-- free(prefix, locks): free the locks of an execution that ends, each unless somebody else has it by now. locks are
-- names with their owners, in JSON, as lock notes them behind token:queue among the held jobs; '' for none.
local function free(prefix, locks)
  if locks == '' then return end
  for name, owner in pairs(cjson.decode(locks)) do
    local lock = prefix .. ':signalbox:lock:' .. name
    if redis.pcall('HGET', lock, 'owner') == owner then
      redis.call('DEL', lock)
      redis.call('ZREM', prefix .. ':signalbox:locks', name)
    end
  end
end
