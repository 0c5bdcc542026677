-- Cancels a job: at once if it waits, as soon as its delivery ends if it runs.
-- KEYS  record  hash, see record.lua
-- KEYS  log     list
-- KEYS  events    stream, see events.lua
-- KEYS  watchers  zset channel -> until_us
-- ARGV  remember_us  integer
-- ARGV  events_kept  integer  0: none
-- ARGV  name         string
-- REPLY cancelled
-- REPLY cancelling
-- REPLY ended
-- REPLY unknown
-- COST  O(watchers), at most 100
-- REPEAT safe
-- USE   clock facts queue/record queue/events
local read = read_record(record)
redis.call('LLEN', log)
local told = open_events(events, watchers, events_kept)
if not read.state then return { 'unknown' } end
if read.state == 'cancelled' then return { 'cancelled' } end
if not lives(read) then return { 'ended' } end
if read.state == 'waiting' then
  end_record(record, log, read, 'cancelled', '', '', remember_us)
  note_event(told, 'c', name)
  write_events(told)
  return { 'cancelled' }
end
redis.call('HDEL', record, 'next_job', 'next_payload', 'next_header', 'next_due_us')
redis.call('HSET', record, 'state', 'cancelling')
return { 'cancelling' }
