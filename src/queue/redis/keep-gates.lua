-- Makes somebody the keeper of gates, or lets it stay that.
-- KEYLIST keys  buckets; then of each gate its hash, its heads, its turns, and the bucket of its look
-- ARGV keeper  string
-- ARGV gates   list  name:string looks_name:string
-- REPLY answered  answers:strings
-- An answer is E where nothing is parked behind the gate: it is forgotten; K and what parked.lua views of it where the
-- caller keeps it; else for how many us somebody else does.
-- COST  O(gates), at most 100
-- REPEAT safe
-- USE   clock queue/buckets queue/looks queue/parked
local buckets, answers, opened, changed = keys[1], {}, {}, {}
redis.call('ZCARD', buckets)
for at = 2, #keys, 4 do
  local gate, looks = open_gate(keys[at], keys[at + 1], keys[at + 2]), keys[at + 3]
  redis.call('ZCARD', looks)
  gate.looks, opened[#opened + 1] = looks, gate
end
-- A full server lets a script go on that has freed something.
redis.call('ZREM', buckets, '')
for i, gate in ipairs(opened) do
  local name, looks, hash, turns = gates[2 * i - 1], gate.looks, gate.hash, gate.turns
  changed[looks] = gates[2 * i]
  if gate.fill.count == 0 then
    redis.call('UNLINK', hash, turns)
    redis.call('ZREM', looks, name)
    answers[i] = 'E'
  else
    local is_ours = not gate.keeper or gate.keeper == keeper
    if is_ours then keep_gate(gate, keeper) end
    redis.call('ZADD', looks, string.format('%.0f', gate.until_us), name)
    answers[i] = is_ours and 'K' .. view_of(gate) or string.format('%.0f', gate.until_us - now_us)
  end
end
for looks, name in pairs(changed) do note_head(buckets, looks, name) end
return { 'answered', answers }
