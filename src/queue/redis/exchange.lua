-- One call of a consumer: settles what it finished, moves what is due, and claims what it wants.
-- KEYS  meta      hash {last_id, last_us, last_fence}
-- KEYS  ready     list of bodies
-- KEYS  suspects  list of bodies that were in flight when a worker crashed
-- KEYS  timers    zset body -> due_us
-- KEYS  leases    zset epoch -> deadline_us
-- KEYS  inflight  hash id -> body, of this epoch
-- KEYS  last      string 'sequence;fence;claimed ids;stale ids', for ten minutes
-- KEYS  wake      zset, one token while a claim may succeed
-- KEYS  dead      list of dead letters
-- ARGV  epoch       string
-- ARGV  sequence    integer
-- ARGV  lease_us    integer
-- ARGV  held_count  integer
-- ARGV  want        integer
-- ARGV  acks        list  id:string
-- ARGV  retries     list  id:string delay_us:integer failed:integer
-- ARGV  deaths      list  id:string reason:string
-- REPLY ok  bodies:strings fence:integer stale:strings next_due_us:integer? watch:integer expired:string
-- REPLY lost
-- COST  O(settled + wanted), at most 1000 each
-- REPEAT safe  by the sequence
-- USE   clock queue/settle queue/progress
local lease = redis.call('ZSCORE', leases, epoch)
local previous = redis.call('GET', last)
check_types(meta, ready, suspects, timers, inflight, wake, dead)
if previous then
  local done, fence, ids, stale = string.match(previous, '^(%d+);(%d+);([%d,]*);([%d,]*)$')
  -- A later call was answered already; or one that was answered is missing, after a failover to a
  -- replica that had not seen it: what was settled then would be held for ever.
  if tonumber(done) > sequence or tonumber(done) < sequence - 1 then return { 'lost' } end
  if tonumber(done) == sequence then
    if ids ~= '' and not lease then return { 'lost' } end
    local bodies = read_bodies(inflight, split(ids))
    return { 'ok', bodies, tonumber(fence), split(stale), next_due(timers), 1, '' }
  end
end
if held_count > 0 and not lease then return { 'lost' } end

-- A full server refuses a script whose first write may need memory. This one frees, so the rest runs.
redis.call('HDEL', meta, '')
local silent = refresh_after_silence(meta, leases, lease_us)
local stale = {}
for _, id in ipairs(acks) do
  if not acknowledge(inflight, id) then stale[#stale + 1] = id end
end
local soonest_us = math.huge
for i = #retries - 2, 1, -3 do
  local id, delay_us, failed = unpack(retries, i, i + 2)
  local body, was_suspect = take_back(inflight, id)
  if not body then
    stale[#stale + 1] = id
  elseif failed == '1' then
    redis.call('ZADD', timers, now_us + tonumber(delay_us), one_more_attempt(body))
    soonest_us = math.min(soonest_us, tonumber(delay_us))
  elseif was_suspect then
    -- Handed back is not survived: it stays a suspect.
    redis.call('LPUSH', suspects, body)
  else
    redis.call('LPUSH', ready, body)
  end
end
for i = 1, #deaths, 2 do
  local body = take_back(inflight, deaths[i])
  if body then bury(dead, one_more_attempt(body), deaths[i + 1]) else stale[#stale + 1] = deaths[i] end
end

promote(timers, ready)
local next_us = next_due(timers)
-- A retry that is due before all others must move the timers of those who wait.
if next_us == soonest_us then redis.call('ZADD', wake, 0, 'wake') end
local bodies, ids = claim(ready, suspects, inflight, wake, want)
if redis.call('HLEN', inflight) > 0 then
  redis.call('ZADD', leases, now_us + lease_us, epoch)
else
  redis.call('ZREM', leases, epoch)
end
local fence = math.max(tonumber(redis.call('HGET', meta, 'last_fence') or 0) + 1, now_us)
redis.call('HSET', meta, 'last_fence', fence)
local memory = string.format('%.0f;%.0f;%s;%s', sequence, fence, table.concat(ids, ','), table.concat(stale, ','))
redis.call('SET', last, memory, 'PX', 600000)
local watch, expired = others(leases, epoch, silent)
return { 'ok', bodies, fence, stale, next_us, watch, expired }
