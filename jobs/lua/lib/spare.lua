-- spare(step, ...): take a step for one job, lane or queue of many; what is wrong with it spoils no other. Returns true
-- and what the step returns, or false and why it failed. What is wrong for all, such as a right that the user does not
-- have, is raised.
local function spare(step, ...)
  local ok, reply = pcall(step, ...)
  if ok then return true, reply end
  local why = type(reply) == 'table' and reply.err or tostring(reply)
  local code = string.match(why, '^(%u+) ')
  local of_all = code and code ~= 'ERR' and code ~= 'WRONGTYPE' or string.find(why, 'ACL failure', 1, true)
    or string.find(why, "can't run this command", 1, true)
  if of_all then error(why, 0) end
  return false, why
end
