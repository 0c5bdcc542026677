-- Looks how a job is, and has this client told of its end: for a minute.
-- KEYS  record  hash, see record.lua
-- ARGV  most_watchers  integer
-- REPLY known   state:string number:string values:strings
-- REPLY unknown
-- The values are ended_job, ended_as, result and reason, each with = in front where it is there.
-- COST  O(watchers), at most 100
-- REPEAT safe
-- USE   clock facts queue/record
local read = read_record(record)
if not read.state then return { 'unknown' } end
local values = redis.call('HMGET', record, 'ended_job', 'ended_as', 'result', 'reason')
for i = 1, #values do values[i] = values[i] and '=' .. values[i] or '' end
if lives(read) then
  local clients = {}
  for _, client in ipairs(live_watchers(read)) do
    if client[1] ~= self then clients[#clients + 1] = client[1] .. ' ' .. client[2] .. ' ' end
  end
  if #clients < most_watchers then
    clients[#clients + 1] = self .. ' ' .. string.format('%.0f', now_us + 60000000) .. ' '
    redis.call('HSET', record, 'watchers', table.concat(clients))
  end
end
return { 'known', read.state, read.job, values }
