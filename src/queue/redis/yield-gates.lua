-- Gives up what somebody keeps: the next consumer that wants jobs is told of these gates.
-- KEYLIST keys  meta, buckets, wake; then of each gate its hash, its heads, its turns, and the bucket of its look
-- ARGV keeper  string
-- ARGV gates   list  name:string looks_name:string
-- REPLY yielded
-- COST  O(gates), at most 100
-- REPEAT safe  those of other keepers stay theirs
-- USE   clock queue/buckets queue/looks queue/parked
local meta, buckets, wake = unpack(keys, 1, 3)
local opened, changed, is_news = {}, {}, false
local is_paused = redis.call('HGET', meta, 'paused')
redis.call('ZCARD', buckets)
redis.call('ZCARD', wake)
for at = 4, #keys, 4 do
  local gate, looks = open_gate(keys[at], keys[at + 1], keys[at + 2]), keys[at + 3]
  redis.call('ZCARD', looks)
  gate.looks, opened[#opened + 1] = looks, gate
end
for i, gate in ipairs(opened) do
  local name, looks, hash, turns = gates[2 * i - 1], gate.looks, gate.hash, gate.turns
  if gate.fill.count == 0 then
    redis.call('UNLINK', hash, turns)
    redis.call('ZREM', looks, name)
    changed[looks] = gates[2 * i]
  elseif gate.keeper == keeper then
    redis.call('HDEL', hash, 'keeper', 'kept_until_us')
    redis.call('ZADD', looks, now_text, name)
    changed[looks], is_news = gates[2 * i], true
  end
end
for looks, name in pairs(changed) do note_head(buckets, looks, name) end
if is_news and not is_paused then redis.call('ZADD', wake, 0, 'wake') end
return { 'yielded' }
