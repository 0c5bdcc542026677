-- Reads what is known of a job.
-- KEYS  record  hash, see record.lua
-- KEYS  log     list
-- REPLY known   state:string number:string ticket:string attempt:integer due_us:integer values:strings lines:strings
-- REPLY unknown
-- The values are payload, progress, ended_job, ended_as, ended_us, result, reason, history and gate, each with = in front
-- where it is there.
-- COST  O(lines), at most 100
-- REPEAT safe
-- USE   clock facts queue/record
local read = read_record(record)
local lines = redis.call('LRANGE', log, 0, -1)
if not read.state then return { 'unknown' } end
local values = redis.call('HMGET', record, 'payload', 'progress', 'ended_job', 'ended_as', 'ended_us', 'result', 'reason',
  'history', 'gate')
for i = 1, #values do values[i] = values[i] and '=' .. values[i] or '' end
return { 'known', read.state, read.job, read.ticket, read.attempt, read.due_us, values, lines }
