-- Puts deliveries of an epoch behind gates.
-- KEYLIST keys  meta, inflight of the epoch, leases, buckets, wake, unparked as unpark says; then of each gate its hash, its heads, its turns, the bucket that is being filled, and that of its look
-- ARGV epoch   string
-- ARGV sequence  integer
-- ARGV keeper  string
-- ARGV gates   list  name:string terms:string filling_name:string looks_name:string
-- ARGV parks   list  id:string gate:integer demand:string turn_of:string   empty: of nobody
-- REPLY parked  answers:strings fillings:integers
-- An answer is K where the caller keeps the gate, S where the job was not in flight for it, else for how many us others keep it.
-- COST  O(parks), at most 100
-- REPEAT safe  by the sequence: what was parked may be in flight again, and run
-- USE   clock queue/history queue/events queue/settle queue/buckets queue/looks queue/ranks queue/turns queue/parked
local meta, inflight, leases, buckets, wake, unparked = unpack(keys, 1, 6)
local FIRST_GATE, KEYS_OF_GATE = 7, 5
local done = tonumber(string.match(redis.call('GET', unparked) or '0;', '^(%d+);'))
local head_us = tonumber(redis.call('ZRANGE', buckets, 0, 0, 'WITHSCORES')[2] or math.huge)
local suspect, is_paused = redis.call('HGET', inflight, 'suspect'), redis.call('HGET', meta, 'paused')
redis.call('ZCARD', leases)
redis.call('ZCARD', wake)
local opened = {}
for at = FIRST_GATE, #keys, KEYS_OF_GATE do
  local gate = open_gate(keys[at], keys[at + 1], keys[at + 2], keys[at + 3])
  local looks = keys[at + 4]
  redis.call('ZCARD', looks)
  gate.bucket, gate.looks, gate.entries, gate.bytes = keys[at + 3], looks, {}, 0
  opened[#opened + 1] = gate
end

-- The first write frees, so that a full server lets the rest run.
local answers, count, bytes = {}, 0, 0
for i = 1, #parks, 4 do
  local gate, body, turn_of = opened[tonumber(parks[i + 1])], done < sequence and take_back(inflight, parks[i]), parks[i + 3]
  if body then
    if parks[i] == suspect then redis.call('HDEL', inflight, 'suspect') end
    local rank = rank_of(body) or 0
    local takes_turns = turn_of ~= '' and rank ~= -tonumber(string.sub(body, 1, 16))
    local round = takes_turns and next_round(gate, rank, turn_of) or 0
    gate.entries[#gate.entries + 1] = rank
    gate.entries[#gate.entries + 1] = entry_of(round, body, parks[i + 2])
    gate.bytes = gate.bytes + #body
    count, bytes = count + 1, bytes + #body
  end
  answers[#answers + 1] = body and gate or 'S'
end
local fillings, look_us = {}, math.huge
for i, gate in ipairs(opened) do
  local name, terms, filling_name, looks_name = unpack(gates, 4 * i - 3, 4 * i)
  if #gate.entries > 0 then
    put_parked(gate, gate.bucket, filling_name, gate.entries, gate.bytes)
    keep_turns(gate)
    local hash = gate.hash
    redis.call('HSET', hash, 'terms', terms)
    keep_fill(hash, gate.fill)
    if not gate.keeper or gate.keeper == keeper then
      keep_gate(gate, keeper)
      set_look(buckets, gate.looks, looks_name, name, gate.until_us)
      look_us = math.min(look_us, gate.until_us)
    end
  end
  fillings[i] = gate.fill.number
end
for i, gate in ipairs(answers) do
  if gate ~= 'S' then
    answers[i] = gate.keeper == keeper and 'K' or string.format('%.0f', gate.until_us - now_us)
  end
end
if count > 0 then
  redis.call('SET', unparked, string.format('%.0f;0;;', sequence), 'PX', 600000)
  redis.call('HINCRBY', meta, 'parked', count)
  redis.call('HINCRBY', meta, 'bytes', bytes)
  if redis.call('HLEN', inflight) == 0 then redis.call('ZREM', leases, epoch) end
end
-- A look before all that is due must move the timers of those who wait.
if look_us < head_us and not is_paused then redis.call('ZADD', wake, 0, 'wake') end
return { 'parked', answers, fillings }
