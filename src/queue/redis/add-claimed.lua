-- Adds plain jobs that a consumer of the same process claims in the same step: the short way where nothing else waits.
-- KEYS  meta      hash {last_id, last_us, last_fence, and what line.lua and buckets.lua keep}
-- KEYS  ready     list of bodies
-- KEYS  tail      list of bodies
-- KEYS  suspects  list of bodies
-- KEYS  buckets   zset bucket -> due_us
-- KEYS  leases    zset epoch -> deadline_us
-- KEYS  inflight  hash id -> body, of this epoch
-- KEYS  last      string, as exchange.lua keeps it
-- KEYS  producer  string, as add.lua keeps it
-- ARGV  added      digits   the number of the batch
-- ARGV  last_added integer  as add.lua says
-- ARGV  epoch      string
-- ARGV  sequence   digits   the number of the consumer's call
-- ARGV  lease_us   integer
-- ARGV  held_count integer
-- ARGV  bodies     list  body:string  without their ids, at most as many as the consumer wants
-- REPLY claimed  first_id:digits fence:digits next_due_us:integer watch:integer due:integer   the ids follow without a gap; the others are -1 where there is none
-- REPLY long     nothing was done, as there is more to do, or one of the two was called already
-- PLAIN claimed
-- `due` is the number of the bucket that is due first, where it has one.
-- COST  O(jobs), at most 100
-- REPEAT safe  what was done is known to add.lua and exchange.lua, which are called then
-- USE   clock engine/digits queue/leases queue/progress
local kept = redis.call('HMGET', meta, 'in_segments', 'ranked', 'paused', 'last_us', 'last_id', 'last_fence')
local has_lease, other, other_until_us = read_leases(leases, epoch)
local head, calls = redis.call('ZRANGE', buckets, 0, 0, 'WITHSCORES'), redis.call('MGET', producer, last)
local next_us = next_due(head)
local is_empty = redis.call('EXISTS', ready, tail, suspects) + tonumber(kept[1] or 0) == 0
if not is_empty or next_us == 0 or kept[3] or string.sub(kept[2] or ' 0', -2) ~= ' 0' then return { 'long' } end
local silent_us = math.abs(now_us - tonumber(kept[4] or now_us)) * 3
if other and (silent_us > lease_us or tonumber(other_until_us) <= now_us) then return { 'long' } end
if held_count > 0 and not has_lease then return { 'long' } end
local done, unbroken_from = string.match(calls[1] or '', '^(%d+) (%d+)')
if done and tonumber(done) >= tonumber(added) then return { 'long' } end
if not done or tonumber(done) < last_added then unbroken_from = added end
if calls[2] and tonumber(string.match(calls[2], '^%d+')) ~= tonumber(sequence) - 1 then return { 'long' } end

local first_id = math.max(tonumber(kept[5] or 0) + 1, now_us)
local ids, fields = {}, {}
for i = 1, #bodies do
  ids[i] = digits_of(first_id + i - 1)
  fields[2 * i - 1], fields[2 * i] = ids[i], ids[i] .. bodies[i]
end
redis.call('HSET', inflight, unpack(fields))
redis.call('ZADD', leases, digits_of(now_us + lease_us), epoch)
local fence = next_fence(kept[6])
redis.call('HSET', meta, 'last_id', ids[#ids], 'last_us', now_text, 'last_fence', fence)
redis.call('SET', producer, added .. ' ' .. unbroken_from .. ' ' .. ids[1], 'PX', 600000)
remember(last, sequence, fence, ids, {})
if not head[1] then return ids[1] .. ',' .. fence .. ',-1,' .. (other and '1' or '0') .. ',-1' end
-- RARELY: some are timed
return table.concat({ ids[1], fence, string.format('%.0f', next_us), other and 1 or 0, tonumber(head[1]) or -1 }, ',')
