-- Puts the oldest dead jobs behind the others of their keys, as if they had never been tried.
-- KEYLIST keys  of the line, as tickets.lua says; events, watchers, as events.lua says; dead; then the strand of each
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV events_kept   integer  0: none
-- ARGV letters       list  key:string letter:string   as they stand in dead, from the oldest on
-- REPLY redriven  count:integer tail_number:integer filling:integer rank_filling:integer
-- COST  O(letters), at most 100
-- REPEAT unsafe
-- USE   clock queue/line queue/buckets queue/ranks queue/tickets queue/history queue/strands queue/events
local queue, dead, count, reads = open_line(keys), keys[12], 0, {}
local told = open_events(keys[10], keys[11], events_kept)
for i = 13, #keys do reads[keys[i]] = reads[keys[i]] or read_strand(keys[i]) end

local function revive(strand, key, letter)
  local body = string.sub(letter, 21 + tonumber(string.sub(letter, 17, 20)))
  note_event(told, 'V', string.sub(body, 1, 16))
  local lines, _, rest = split_past(body)
  local header = string.sub(body, 17, 17) .. '1000' .. string.sub(body, 22, 24) .. (lines == '' and '01' or '05')
    .. string.sub(body, 27, 28)
  local past = lines == '' and '' or lines .. '\n'
  push_entry(queue, strand, reads[strand], key, string.sub(body, 1, 16), header, past .. string.sub(rest, #key + 2), now_us)
end

for i = 1, #letters, 2 do
  -- Another caller may have taken it.
  if redis.call('LINDEX', dead, 0) == letters[i + 1] then
    redis.call('LPOP', dead)
    revive(keys[13 + (i - 1) / 2], letters[i], letters[i + 1])
    count, queue.changed = count + 1, true
  end
end
write_events(told)
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
return { 'redriven', count, queue.line.next, queue.fill.number, queue.ranked.number }
