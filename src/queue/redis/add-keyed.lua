-- Adds jobs that run one after the other with those of their key, in order; the same batch again adds nothing.
-- KEYLIST keys  of the line, as tickets.lua says; events, watchers, as events.lua says; producer: string 'sequence ids', for ten minutes; then the strand of each job
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV sequence      integer
-- ARGV events_kept   integer  0: none
-- ARGV jobs          list  key:string due:string header:string payload:string
-- REPLY added  ids:string tail_number:integer filling:integer rank_filling:integer
-- REPLY stale                    a later batch of this producer was added before
-- The ids have 16 digits each: zeros where the key had no room, and nothing of it was added from there on.
-- Dues are as in add.lua.
-- COST  O(jobs), at most 100
-- REPEAT safe  by the producer's sequence
-- USE   clock queue/line queue/buckets queue/ranks queue/tickets queue/history queue/strands queue/events
local meta, producer, REFUSED = keys[1], keys[12], string.rep('0', 16)
local queue, reads, told = open_line(keys), {}, open_events(keys[10], keys[11], events_kept)
for i = 13, #keys do reads[keys[i]] = reads[keys[i]] or read_strand(keys[i]) end
local previous = redis.call('GET', producer)
if previous then
  local done, answers = string.match(previous, '^(%d+) (%d*)$')
  if tonumber(done) == sequence then return { 'added', answers, queue.line.next, queue.fill.number, queue.ranked.number } end
  if tonumber(done) > sequence then return { 'stale' } end
end

-- The first write needs memory: a full server refuses all.
redis.call('HSET', meta, 'last_id', queue.last_id)
local ids = {}
for i = 1, #jobs, 4 do
  local strand, key, due = keys[12 + (i + 3) / 4], jobs[i], jobs[i + 1]
  local header, payload, due_us = jobs[i + 2], jobs[i + 3], now_us
  if due ~= '' then due_us = tonumber(string.sub(due, 2)) + (string.sub(due, 1, 1) == '+' and now_us or 0) end
  ids[#ids + 1] = REFUSED
  if has_room(reads[strand], payload) then
    ids[#ids] = next_number(queue)
    note_event(told, 'A', ids[#ids] .. ' 1')
    push_entry(queue, strand, reads[strand], key, ids[#ids], header, payload, due_us)
  end
end
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
write_events(told)
local answered = table.concat(ids)
redis.call('SET', producer, string.format('%.0f ', sequence) .. answered, 'PX', 600000)
return { 'added', answered, queue.line.next, queue.fill.number, queue.ranked.number }
