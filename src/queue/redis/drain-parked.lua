-- Removes some of the jobs behind gates. Gates that have none are forgotten.
-- KEYLIST keys  meta, ready, tail, buckets; events, watchers, as events.lua says; then of each gate its hash, its heads, its turns, the bucket of its look, and the one with its first job as far as the caller knows
-- ARGV limit  integer
-- ARGV events_kept  integer  0: none
-- ARGV gates  list  name:string looks_name:string bucket_name:string
-- REPLY drained  count:integer tickets:strings keyed:strings
-- The records of `tickets` are to go as well. `keyed` are tickets of keys, which went to the front of the line, as drain says.
-- COST  O(limit + gates), at most 100 each
-- REPEAT unsafe
-- USE   clock queue/line queue/buckets queue/looks queue/parked queue/events
local meta, ready, tail, buckets = unpack(keys, 1, 4)
local FIRST_GATE, KEYS_OF_GATE = 7, 5
local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes')
local line, told = read_line(kept, ready, tail), open_events(keys[5], keys[6], events_kept)
redis.call('ZCARD', buckets)
local opened = {}
for at = FIRST_GATE, #keys, KEYS_OF_GATE do
  local gate, looks = open_gate(keys[at], keys[at + 1], keys[at + 2], keys[at + 4]), keys[at + 3]
  redis.call('ZCARD', looks)
  gate.looks, gate.bucket, opened[#opened + 1] = looks, keys[at + 4], gate
end

local taken, tickets, keyed = 0, {}, {}
local function take_from(gate, bucket_name)
  local bodies = take_parked(gate, gate.bucket, bucket_name, limit - taken)
  taken = taken + #bodies
  for _, body in ipairs(bodies) do
    line.bytes = line.bytes - #body
    if tonumber(string.sub(body, 26, 26)) % 4 == 1 then
      keyed[#keyed + 1] = body
    elseif tonumber(string.sub(body, 18, 18), 16) % 2 == 1 then
      tickets[#tickets + 1] = body
    end
  end
end

for i, gate in ipairs(opened) do
  local name, looks_name, bucket_name = unpack(gates, 3 * i - 2, 3 * i)
  local hash, turns = gate.hash, gate.turns
  if taken < limit and first_bucket(gate) == bucket_name then take_from(gate, bucket_name) end
  if first_bucket(gate) == '' then
    redis.call('UNLINK', hash, turns)
    drop_look(buckets, gate.looks, looks_name, name)
  else
    keep_fill(hash, gate.fill)
  end
end
if taken == 0 then return { 'drained', 0, tickets, keyed } end
push_front(line, ready, keyed)
keep_line(meta, line)
redis.call('HINCRBY', meta, 'parked', -taken)
if taken > #keyed then note_event(told, 'N', string.format('%d', taken - #keyed)) end
write_events(told)
return { 'drained', taken - #keyed, tickets, keyed }
