-- Claims the first jobs behind gates.
-- KEYLIST keys  meta, inflight of the epoch, leases, dead, unparked: string 'sequence;fence;ids;' of its last call that unparked or parked, for ten minutes; events, watchers, as events.lua says; then of each gate its hash, its heads, and buckets that have its first jobs as far as the caller knows
-- ARGV epoch     string
-- ARGV sequence  integer
-- ARGV lease_us  integer
-- ARGV held_count  integer
-- ARGV events_kept  integer  0: none
-- ARGV gates     list  wanted:integer bucket_names:string   of 8 digits, one after the other
-- REPLY ok  bodies:strings rests:strings firsts:strings fence:integer   bodies of the first gate, then of the others
-- REPLY elsewhere  firsts:strings   where the first jobs of each gate are; nothing was done
-- REPLY paused
-- REPLY lost
-- A body is empty where there was none, or so many were overdue that it takes another call to find one.
-- COST  O(wanted), at most 100, and 16 for each that are overdue
-- REPEAT safe  by the sequence
-- USE   clock engine/digits queue/history queue/events queue/settle queue/deadline queue/buckets queue/looks queue/turns queue/parked queue/leases queue/progress
local meta, inflight, leases, dead, unparked, events, watchers = unpack(keys, 1, 7)
local FIRST_GATE, MOST_OVERDUE = 8, 16
local lease, previous = redis.call('ZSCORE', leases, epoch), redis.call('GET', unparked)
local kept = redis.call('HMGET', meta, 'last_fence', 'deadlines', 'paused')
redis.call('LLEN', dead)
redis.call('HLEN', inflight)
local told = open_events(events, watchers, events_kept)
local opened, at = {}, FIRST_GATE
for i = 1, #gates, 2 do
  local gate, next_at = open_claimed(keys, at, gates[i + 1])
  gate.wanted, at, opened[#opened + 1] = tonumber(gates[i]), next_at, gate
end

local function each(tell)
  local told_of = {}
  for i, gate in ipairs(opened) do told_of[i] = tell(gate) end
  return told_of
end

local function firsts_of(gate) return first_buckets(gate, gate.wanted) end

-- The jobs of a call that is repeated, in their places.
local function again_of(ids)
  for i, id in ipairs(ids) do ids[i] = redis.call('HGET', inflight, id) or '' end
  return ids
end

local function take_one(gate)
  for _ = 0, MOST_OVERDUE do
    local name = first_bucket(gate)
    local bucket = gate.buckets[name]
    if not bucket then return '' end
    local bodies, rank, round = take_parked(gate, bucket, name, 1)
    if not bodies[1] then return '' end
    note_round(gate, rank, round)
    gate.taken, gate.bytes = gate.taken + 1, gate.bytes + #bodies[1]
    if not kept[2] or drop_overdue(bodies, nil, dead, told)[1] then return bodies[1] end
  end
  return ''
end

-- Where it found the queue paused, it is not counted: so no number is missing.
local done, by_fence, ids = string.match(previous or '0;0;;', '^(%d+);(%d+);([%d,]*);$')
local is_again = tonumber(done) == sequence
if tonumber(done) > sequence or (is_again and ids ~= '' and not lease) then return { 'lost' } end
if not is_again and held_count > 0 and not lease then return { 'lost' } end
if is_again then return { 'ok', again_of(split(ids)), each(view_of), each(firsts_of), tonumber(by_fence) } end
if kept[3] then return { 'paused' } end
local firsts = each(firsts_of)
for i, gate in ipairs(opened) do
  for name in string.gmatch(firsts[i], '%d%d%d%d%d%d%d%d') do
    if not gate.buckets[name] then return { 'elsewhere', firsts } end
  end
end
-- A full server lets a script go on that has freed something.
redis.call('HDEL', meta, '')
local bodies, held, found, fence = {}, {}, {}, math.max(tonumber(kept[1] or 0) + 1, now_us)
for _, gate in ipairs(opened) do
  for _ = 1, gate.wanted do
    local body = take_one(gate)
    bodies[#bodies + 1], found[#found + 1] = body, body == '' and '0' or body_id(body)
    if body ~= '' then held[#held + 1] = body end
  end
  keep_fill(gate.hash, gate.fill)
  if gate.taken > 0 then
    redis.call('HINCRBY', meta, 'parked', -gate.taken)
    redis.call('HINCRBY', meta, 'bytes', -gate.bytes)
  end
end
hold(inflight, held)
keep_lease(leases, inflight, epoch, lease_us, lease, #held > 0)
if #held > 0 then redis.call('HSET', meta, 'last_fence', fence) end
local text = #held > 0 and table.concat(found, ',') or ''
redis.call('SET', unparked, string.format('%.0f;%.0f;%s;', sequence, fence, text), 'PX', 600000)
if told then write_events(told) end
return { 'ok', bodies, each(view_of), each(firsts_of), fence }
