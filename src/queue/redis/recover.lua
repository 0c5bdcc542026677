-- Returns the jobs of an epoch whose lease is over, in the order in which they were added.
-- KEYS  leases    zset epoch -> deadline_us
-- KEYS  inflight  hash id -> body, of that epoch
-- KEYS  suspects  list of bodies
-- KEYS  dead      list of dead letters
-- KEYS  wake      zset
-- KEYS  events    stream, see events.lua
-- KEYS  watchers  zset channel -> until_us
-- ARGV  epoch        string
-- ARGV  max_crashes  integer
-- ARGV  events_kept  integer  0: none
-- ARGV  note         string   of a crash, as history.lua says, or empty
-- REPLY recovered  count:integer
-- REPLY alive
-- COST  O(jobs in flight), at most 1000
-- REPEAT safe  only one call finds the lease
-- USE   clock queue/history queue/events queue/settle
local deadline_us = redis.call('ZSCORE', leases, epoch)
local bodies = redis.call('HVALS', inflight)
local suspect = redis.call('HGET', inflight, 'suspect')
redis.call('LLEN', suspects)
redis.call('LLEN', dead)
redis.call('ZCARD', wake)
local told = open_events(events, watchers, events_kept)
if not deadline_us or tonumber(deadline_us) > now_us then return { 'alive' } end

redis.call('ZREM', leases, epoch)
table.sort(bodies)
local count = 0
for _, body in ipairs(bodies) do
  if #body >= 28 then
    count = count + 1
    -- Only the suspect can be blamed: the others merely shared the worker with it.
    local is_blamed = body_id(body) == suspect
    local crashes = tonumber(string.sub(body, 25, 25)) + (is_blamed and 1 or 0)
    body = string.sub(body, 1, 24) .. math.min(crashes, 9) .. string.sub(body, 26)
    -- A ticket is buried by the next worker, which closes its record; that has the history of its job.
    local is_ticket, label = tonumber(string.sub(body, 18, 18), 16) % 2 == 1, tonumber(string.sub(body, 26, 26))
    if is_blamed and note ~= '' and (not is_ticket or label % 4 == 1) then body = noted(body, note) end
    if crashes >= max_crashes and not is_ticket then
      local reason = 'its worker crashed ' .. crashes .. ' times while it ran alone under suspicion'
      bury(dead, body, reason)
      note_death(told, 'X', body_id(body), reason)
    else
      redis.call('RPUSH', suspects, body)
    end
  end
end
redis.call('UNLINK', inflight)
redis.call('ZADD', wake, 0, 'wake')
write_events(told)
return { 'recovered', count }
