-- met(prefix, id, may_fail, but): may a job run, as far as those go that it depends on? As in RQ, one that is gone does
-- not hold it, nor does one that has failed where the job allows for that (may_fail '1'). One, but, is not looked at.
local function met(prefix, id, may_fail, but)
  for _, other in ipairs(redis.call('SMEMBERS', prefix .. ':job::' .. id .. ':dependencies')) do
    local status = other ~= but and redis.call('HGET', prefix .. ':job:' .. other, 'status')
    if status and status ~= 'finished' and not (status == 'failed' and may_fail == '1') then return false end
  end
  return true
end
