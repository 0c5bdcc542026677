-- Ends jobs of keys: of each key the next one gets its ticket, and of a dead one there is a dead letter.
-- KEYLIST keys  of the line, as tickets.lua says; dead; then the strand of each
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV closings      list  key:string number:string fence:integer attempt:integer outcome:string reason:string
-- REPLY closed  verdicts:string tail_number:integer filling:integer rank_filling:integer
-- The outcome is done or dead. A verdict is a letter: C closed, S stale, another delivery has it.
-- COST  O(closings), at most 100
-- REPEAT safe  a job ends once
-- USE   clock queue/line queue/buckets queue/ranks queue/settle queue/tickets queue/strands
local queue, dead, verdicts = open_line(keys), keys[10], {}
redis.call('LLEN', dead)
for i = 11, #keys do read_first(keys[i]) end

-- With its key in front of its payload: it belongs there again when it is redriven.
local function dead_body(first, key, attempt)
  local header = string.sub(first.header, 1, 1) .. '0' .. string.format('%03d', math.min(attempt + 1, 999))
    .. string.sub(first.header, 6, 9) .. '2' .. string.sub(first.header, 11)
  return first.number .. header .. key .. '\n' .. payload_of(first)
end

for i = 1, #closings, 6 do
  local strand, key, fence = keys[11 + (i - 1) / 6], closings[i], tonumber(closings[i + 2])
  local first = read_first(strand)
  local is_first = first and first.number == closings[i + 1]
  if is_first and first.fence == fence then
    pop_first(queue, strand, first)
    if closings[i + 4] == 'dead' then bury(dead, dead_body(first, key, tonumber(closings[i + 3])), closings[i + 5]) end
    put_next(queue, strand, key)
  end
  verdicts[#verdicts + 1] = is_first and first.fence ~= fence and 'S' or 'C'
end
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
return { 'closed', table.concat(verdicts), queue.line.next, queue.fill.number, queue.ranked.number }
