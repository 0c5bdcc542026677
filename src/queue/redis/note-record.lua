-- Keeps what the delivery that runs a job has to tell: its last progress, or one more line.
-- KEYS  record  hash, see record.lua
-- KEYS  log     list
-- ARGV  fence       integer
-- ARGV  kind        string   progress or line
-- ARGV  text        string
-- ARGV  most_lines  integer
-- REPLY noted
-- REPLY stale
-- COST  O(1)
-- REPEAT unsafe  a line would be there twice
-- USE   clock facts queue/record
local read = read_record(record)
redis.call('LLEN', log)
if read.fence ~= fence or not lives(read) or read.state == 'waiting' then return { 'stale' } end
if kind == 'progress' then
  redis.call('HSET', record, 'progress', text)
else
  redis.call('RPUSH', log, text)
  redis.call('LTRIM', log, -most_lines, -1)
end
return { 'noted' }
