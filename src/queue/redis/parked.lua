-- Jobs that wait for a gate, which is only a name to scripts. Of each gate:
--   gate:NAME         hash  it goes with the last look at the gate, see looks.lua
--     terms           JSON, of clients
--     keeper          one consumer, until kept_until_us, as long as anything is parked
--     parked          what buckets.lua keeps: the bucket that is being filled, its bytes, how many jobs there are
--     round:RANK      the round of the last job of that rank that was let in, where keys take turns
--   gate:NAME:BUCKET  zset  round in 16 digits, body, and what the job asks of the gate -> its rank, or 0
--   gate:NAME:heads   zset  the first job of each bucket: its round and id, the bucket in 8 digits, what it asks -> its rank
--   gate:NAME:turns   zset  see turns.lua: it goes with the hash
-- What a job asks stands behind its body in 34 characters, the last two of which say how long it is. So members of
-- one rank are in the order of rounds, then of ids, in a bucket, and by their heads in all buckets: jobs are parked in any order.
-- BRINGS open_gate open_claimed put_parked first_bucket first_buckets take_parked view_of keep_gate

local function open_gate(gate, heads, turns, bucket)
  local kept = redis.call('HMGET', gate, 'terms', 'keeper', 'kept_until_us', 'parked')
  redis.call('ZCARD', heads)
  if turns then redis.call('ZCARD', turns) end
  if bucket then redis.call('ZCARD', bucket) end
  local until_us, fill = tonumber(kept[3] or 0), read_fill('parked', kept[4])
  return { hash = gate, heads = heads, turns = turns, terms = kept[1] or '', until_us = until_us, fill = fill,
    keeper = fill.count > 0 and until_us > now_us and kept[2] or nil }
end

-- The same with the buckets whose names and keys the caller has, and where the keys of the next gate begin.
local function open_claimed(keys, at, names)
  local gate = open_gate(keys[at], keys[at + 1])
  gate.buckets, gate.taken, gate.bytes, at = {}, 0, 0, at + 2
  for name in string.gmatch(names, '%d%d%d%d%d%d%d%d') do
    local bucket = keys[at]
    redis.call('ZCARD', bucket)
    gate.buckets[name], at = bucket, at + 1
  end
  return gate, at
end

local function head_of(entry, name)
  local length = tonumber(string.sub(entry, -2))
  return string.sub(entry, 1, 32) .. name .. string.sub(entry, -34, length - 35)
end

-- `before` was the first entry of the bucket, if it had any.
local function note_first(heads, bucket, name, before)
  local first = redis.call('ZRANGE', bucket, 0, 0, 'WITHSCORES')
  if first[1] == before then return end
  if before then redis.call('ZREM', heads, head_of(before, name)) end
  if first[1] then redis.call('ZADD', heads, first[2], head_of(first[1], name)) end
end

-- `entries` is rank, entry, rank, entry, …
local function put_parked(gate, bucket, name, entries, bytes)
  local before = redis.call('ZRANGE', bucket, 0, 0)[1]
  redis.call('ZADD', bucket, unpack(entries))
  note_first(gate.heads, bucket, name, before)
  note_filled(gate.fill, bucket, name, #entries / 2, bytes)
end

local function first_head(gate)
  local heads = gate.heads
  return redis.call('ZRANGE', heads, 0, 0)[1] or ''
end

local function first_bucket(gate) return string.sub(first_head(gate), 33, 40) end

-- Names of the buckets that have the first so many jobs, one after the other.
local function first_buckets(gate, count)
  local heads = gate.heads
  local names = redis.call('ZRANGE', heads, 0, math.max(count, 1) - 1)
  for i = 1, #names do names[i] = string.sub(names[i], 33, 40) end
  return table.concat(names)
end

-- Bodies of the first jobs of the first bucket, up to so many, and rank and round of the last one.
local function take_parked(gate, bucket, name, most)
  local popped, bodies = redis.call('ZPOPMIN', bucket, most), {}
  for i = 1, #popped, 2 do bodies[#bodies + 1] = string.sub(popped[i], 17, -35) end
  note_first(gate.heads, bucket, name, popped[1])
  gate.fill.count, gate.fill.changed = math.max(0, gate.fill.count - #bodies), true
  return bodies, popped[#popped], string.sub(popped[#popped - 1] or '', 1, 16)
end

-- What keepers are told of it: nothing if nothing is parked.
local function view_of(gate)
  if gate.fill.count == 0 then return '' end
  local demand = string.sub(first_head(gate), 41)
  return string.format('%d %02d', gate.fill.count, #demand) .. demand .. gate.terms
end

local function keep_gate(gate, keeper)
  local hash = gate.hash
  gate.keeper, gate.until_us = keeper, now_us + KEEPER_US
  redis.call('HSET', hash, 'keeper', keeper, 'kept_until_us', string.format('%.0f', gate.until_us))
end
