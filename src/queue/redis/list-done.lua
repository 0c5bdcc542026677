-- Reads jobs that are done and kept, the oldest first.
-- KEYS  done   list, see retained.lua
-- ARGV  after  integer  the number of the last one that was read
-- ARGV  limit  integer
-- REPLY read  entries:strings next:integer
-- The number of the last one that was looked at, where there may be more; else 0.
-- COST  O(limit), at most 1000
-- REPEAT safe
-- USE   clock engine/digits queue/retained
local list, entries = open_retained(done), {}
if not list.first then return { 'read', entries, 0 } end
local from = math.max(list.count_over(), after - list.first.number + 1)
local found = redis.call('LRANGE', done, from, from + limit - 1)
for _, text in ipairs(found) do
  if tonumber(string.sub(text, 33, 48)) > now_us then entries[#entries + 1] = text end
end
return { 'read', entries, #found < limit and 0 or list.first.number + from + #found - 1 }
