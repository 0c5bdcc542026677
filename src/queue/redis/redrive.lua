-- Makes the oldest dead jobs ready again, behind all that are: as if they had never been tried.
-- KEYS  meta          hash, what line.lua and buckets.lua keep
-- KEYS  ready         list of bodies
-- KEYS  tail          list of bodies
-- KEYS  tail_segment  the name of the next segment as far as the caller knows
-- KEYS  ranks         zset bucket -> rank of its first job
-- KEYS  rank_filling  zset body -> rank, the bucket for new jobs as far as the caller knows
-- KEYS  wake          zset, one token while a claim may succeed
-- KEYS  events        stream, see events.lua
-- KEYS  watchers      zset channel -> until_us
-- KEYS  dead          list of 'died_us reason_length reason body'
-- ARGV  tail_number   integer
-- ARGV  rank_filling_name  string
-- ARGV  limit         integer
-- ARGV  events_kept   integer  0: none
-- REPLY redriven  count:integer tail_number:integer rank_filling:integer keyed:strings
-- Where the oldest are of keys, these are answered, for redrive-strands, and nothing is done.
-- COST  O(limit), at most 100
-- REPEAT unsafe
-- USE   clock queue/line queue/buckets queue/ranks queue/history queue/events queue/settle queue/deadline
local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes',
  'timed', 'ranked')
local line, fill = read_line(kept, ready, tail), read_fill('ranked', kept[7])
read_firsts(ranks, rank_filling, rank_filling)
redis.call('ZCARD', wake)
local told = open_events(events, watchers, events_kept)
local bodies, keyed = {}, {}
for _, letter in ipairs(redis.call('LRANGE', dead, 0, limit - 1)) do
  local body = string.sub(letter, 21 + tonumber(string.sub(letter, 17, 20)))
  local is_keyed = tonumber(string.sub(body, 26, 26)) % 4 == 2
  if (is_keyed and #bodies or #keyed) > 0 then break end
  if is_keyed then keyed[#keyed + 1] = letter else bodies[#bodies + 1] = body end
end
if #bodies == 0 then return { 'redriven', 0, line.next, fill.number, keyed } end
redis.call('LTRIM', dead, #bodies, -1)
for i, body in ipairs(bodies) do
  note_event(told, 'V', body_id(body))
  body = string.sub(body, 1, 18) .. '000' .. string.sub(body, 22, 24) .. '0' .. string.sub(body, 26)
  bodies[i] = forget_deadline(body)
end
local plain, bytes, ranked = part_by_rank(bodies, true)
line.bytes = line.bytes + put(fill, ranks, rank_filling, rank_filling_name, ranked)
if #plain > 0 then append(line, ready, tail, tail_segment, tail_number, plain, bytes) end
keep_fill(meta, fill)
keep_line(meta, line)
redis.call('ZADD', wake, 0, 'wake')
write_events(told)
return { 'redriven', #bodies, line.next, fill.number, {} }
