-- Ends jobs of keys: of each key the next one gets its ticket, and of a dead one there is a dead letter.
-- KEYLIST keys  of the line, as tickets.lua says; events, watchers, as events.lua says; dead; done, as retained.lua says; then the strand of each
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV events_kept   integer  0: none
-- ARGV retain_count integer  jobs that are done are kept; 0: none
-- ARGV retain_us   integer  for so long
-- ARGV closings      list  key:string number:string fence:integer attempt:integer outcome:string reason:string past:string
-- REPLY closed  verdicts:string tail_number:integer filling:integer rank_filling:integer
-- The outcome is done or dead; the past of one is a note as history.lua says, or nothing, a line feed, and its lines. A verdict is a letter: C closed, S stale, another delivery has it.
-- COST  O(closings), at most 100
-- REPEAT safe  a job ends once
-- USE   clock queue/line queue/buckets queue/ranks queue/history queue/events engine/digits queue/retained queue/settle queue/tickets queue/strands
local queue, dead, verdicts, told = open_line(keys), keys[12], {}, open_events(keys[10], keys[11], events_kept)
redis.call('LLEN', dead)
local retained = retain_count > 0 and open_retained(keys[13], keys[7]) or nil
for i = 14, #keys do read_first(keys[i]) end

-- With its key in front of its payload: it belongs there again when it is redriven.
local function ended_body(first, key, attempt, past)
  local header = string.sub(first.header, 1, 1) .. '0' .. string.format('%03d', math.min(attempt, 999))
    .. string.sub(first.header, 6, 9) .. '2' .. string.sub(first.header, 11)
  local body = first.number .. header .. key .. '\n' .. payload_of(first)
  if past == '' then return body end
  local note, lines = string.match(past, '^([^\n]*)\n(.*)$')
  return put_past(body, note == '' and lines or with_line(lines, note, attempt))
end

for i = 1, #closings, 7 do
  local strand, key, fence = keys[14 + (i - 1) / 7], closings[i], tonumber(closings[i + 2])
  local first = read_first(strand)
  local is_first = first and first.number == closings[i + 1]
  if is_first and first.fence == fence then
    pop_first(queue, strand, first)
    if closings[i + 4] == 'dead' then
      bury(dead, ended_body(first, key, tonumber(closings[i + 3]) + 1, closings[i + 6]), closings[i + 5])
      note_death(told, 'X', first.number, closings[i + 5])
    else
      if retained then retained.add('', '', ended_body(first, key, tonumber(closings[i + 3]), closings[i + 6])) end
      note_event(told, 'D', first.number)
    end
    put_next(queue, strand, key)
  end
  verdicts[#verdicts + 1] = is_first and first.fence ~= fence and 'S' or 'C'
end
write_events(told)
if retained then retained.write(retain_count, retain_us) end
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
return { 'closed', table.concat(verdicts), queue.line.next, queue.fill.number, queue.ranked.number }
