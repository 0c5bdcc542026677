-- Adds the jobs of some slots of a schedule, and the ticket of its next one: once for each ticket.
-- KEYLIST keys  as schedule.lua says; then events, watchers, as events.lua says
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV name     string
-- ARGV ticket   string
-- ARGV events_kept  integer  0: none
-- ARGV next_us  integer  0 where there is no further slot: the schedule is over
-- ARGV slots    list  slot_us:integer
-- REPLY emitted  tail_number:integer filling:integer rank_filling:integer
-- REPLY stale    it was emitted before, or the schedule is gone or another one
-- COST  O(slots), at most 100
-- REPEAT safe  a ticket counts once
-- USE   clock queue/line queue/buckets queue/ranks queue/tickets queue/schedule queue/events
local meta, schedules, schedule = keys[1], keys[10], keys[11]
local read, queue = read_schedule(schedule), open_line(keys)
redis.call('ZCARD', schedules)
local told = open_events(keys[12], keys[13], events_kept)
if read.ticket ~= ticket then return { 'stale' } end
for i = 1, #slots do
  read.last_us = string.format('%016.0f', slots[i])
  local number = next_number(queue)
  note_event(told, 'A', number .. ' 1')
  local body = number .. read.header .. read.last_us .. read.label .. read.payload
  queue.pushed[#queue.pushed + 1] = body
  if rank_of(body) then queue.ranked.changed = true end
end
-- The first write needs memory: a full server refuses all.
if next_us == 0 then
  redis.call('HSET', meta, 'last_id', queue.last_id)
  redis.call('DEL', schedule)
  redis.call('ZREM', schedules, name)
else
  set_slot(queue, schedule, read, name, next_us)
  if #slots > 0 then
    redis.call('HSET', schedule, 'last_us', read.last_us, 'emitted', tonumber(read.emitted or 0) + #slots)
  end
end
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
write_events(told)
return { 'emitted', queue.line.next, queue.fill.number, queue.ranked.number }
