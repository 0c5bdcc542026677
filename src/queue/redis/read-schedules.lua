-- Reads schedules.
-- KEYLIST schedules  hash of each, see schedule.lua
-- REPLY read  now_us:string values:strings
-- The values of each are rule, terms, payload, slot_us, ticket, last_us and emitted; empty where it has none.
-- COST  O(schedules), at most 100
-- REPEAT safe
-- USE   clock
local values = {}
for _, schedule in ipairs(schedules) do
  local read = redis.call('HMGET', schedule, 'rule', 'terms', 'payload', 'slot_us', 'ticket', 'last_us', 'emitted')
  for i = 1, #read do values[#values + 1] = read[i] or '' end
end
return { 'read', now_text, values }
