-- Removes some of what waits behind others of its key, the last ones first; then the first ones that stand in line.
-- KEYLIST keys  meta, ready, tail; then the strand of each ticket
-- ARGV limit    integer
-- ARGV tickets  list  number:string body:string   without a body where it is in flight, and stays
-- REPLY drained  count:integer
-- COST  O(limit + tickets), at most 600
-- REPEAT unsafe
-- USE   clock queue/line queue/buckets queue/ranks queue/tickets queue/strands
local meta, ready, tail = keys[1], keys[2], keys[3]
local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes')
local line, behind, count = read_line(kept, ready, tail), 0, 0
for i = 4, #keys do read_first(keys[i]) end
for i = 1, #tickets, 2 do
  local strand, body = keys[4 + (i - 1) / 2], tickets[i + 1]
  local first, read = read_first(strand), read_strand(strand)
  if first and first.number == tickets[i] then
    local cut = math.min(read.length - 1, limit - count)
    if cut > 0 then
      redis.call('LTRIM', strand, 0, -1 - cut)
      line.bytes = line.bytes - (read.total - read_strand(strand).total - cut * ENTRY_BYTES)
    end
    behind, count = behind + cut, count + cut
    -- Where somebody has claimed it meanwhile, it is no longer there.
    if cut == read.length - 1 and count < limit and body ~= '' and redis.call('LREM', ready, 1, body) == 1 then
      redis.call('UNLINK', strand)
      line.bytes, count = line.bytes - #body - #payload_of(first), count + 1
    end
  end
end
if count == 0 then return { 'drained', 0 } end
keep_line(meta, line)
redis.call('HINCRBY', meta, 'stranded', -behind)
return { 'drained', count }
