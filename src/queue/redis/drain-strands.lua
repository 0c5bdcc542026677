-- Removes some of what waits behind others of its key, the last ones first; then the first ones that stand in line.
-- KEYLIST keys  meta, ready, tail; events, watchers, as events.lua says; then the strand of each ticket
-- ARGV limit    integer
-- ARGV events_kept  integer  0: none
-- ARGV tickets  list  number:string body:string   without a body where it is in flight, and stays
-- REPLY drained  count:integer
-- COST  O(limit + tickets), at most 600
-- REPEAT unsafe
-- USE   clock queue/line queue/buckets queue/ranks queue/tickets queue/history queue/strands queue/events
local meta, ready, tail = keys[1], keys[2], keys[3]
local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes')
local line, behind, count = read_line(kept, ready, tail), 0, 0
local told = open_events(keys[4], keys[5], events_kept)
for i = 6, #keys do read_first(keys[i]) end
for i = 1, #tickets, 2 do
  local strand, body = keys[6 + (i - 1) / 2], tickets[i + 1]
  local first, length = read_first(strand), redis.call('LLEN', strand)
  if first and first.number == tickets[i] then
    local cut = math.min(length - 1, limit - count)
    if cut > 0 then redis.call('LTRIM', strand, 0, -1 - cut) end
    behind, count = behind + cut, count + cut
    -- Where somebody has claimed it meanwhile, it is no longer there.
    if cut == length - 1 and count < limit and body ~= '' and redis.call('LREM', ready, 1, body) == 1 then
      redis.call('UNLINK', strand)
      line.bytes, count = line.bytes - #body, count + 1
    end
  end
end
if count == 0 then return { 'drained', 0 } end
keep_line(meta, line)
-- Minus nothing would be -0, which is no integer to Redis.
if behind > 0 then redis.call('HINCRBY', meta, 'stranded', -behind) end
note_event(told, 'N', string.format('%d', count))
write_events(told)
return { 'drained', count }
