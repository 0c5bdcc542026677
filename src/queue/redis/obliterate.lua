-- One step of removing a queue: it is paused, so that nothing is claimed, until there is nothing left.
-- KEYS  meta      hash, what line.lua and buckets.lua keep
-- KEYS  ready     list of bodies
-- KEYS  tail      list of bodies
-- KEYS  suspects  list of bodies
-- KEYS  buckets   zset bucket -> due_us, also of the looks at gates
-- KEYS  leases    zset epoch -> deadline_us
-- KEYS  inflight  hash id -> body, of the epoch that the caller was told of
-- KEYS  dead      list of dead letters
-- KEYS  done      list, see retained.lua
-- KEYS  wake      zset
-- KEYS  schedules zset name -> 0
-- KEYS  events    stream, see events.lua: it stays
-- KEYS  watchers  zset channel -> until_us
-- ARGV  epoch     string
-- ARGV  is_forced integer  what is in flight goes as well
-- ARGV  limit     integer
-- ARGV  events_kept  integer  0: none
-- REPLY busy    deliveries are not settled, so nothing was done
-- REPLY step  count:integer waiting:integer schedule_count:integer epoch:string tickets:strings   whose records are to go as well
-- REPLY gone  count:integer tickets:strings    nothing of it is left
-- COST  O(limit), at most 500
-- REPEAT unsafe
-- USE   clock queue/line queue/buckets queue/events
local epochs = redis.call('ZRANGE', leases, 0, 999)
local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes',
  'timed', 'ranked', 'parked')
local line = read_line(kept, ready, tail)
local waiting = waiting_in(line) + redis.call('LLEN', suspects)
  + read_fill('timed', kept[6]).count + read_fill('ranked', kept[7]).count + tonumber(kept[8] or 0)
-- Of a gate without jobs is left what its next look would take away.
if waiting == 0 then waiting = redis.call('ZCARD', buckets) end
local letters = redis.call('LLEN', dead)
redis.call('HLEN', inflight)
redis.call('ZCARD', wake)
local told = open_events(events, watchers, events_kept)
local schedule_count = redis.call('ZCARD', schedules)
if #epochs > 0 and is_forced == 0 then return { 'busy' } end

-- A name is at most 132 characters and a history 5,521 bytes, so that a longer body is no ticket: it may be long indeed.
local tickets, keyed, held, MOST_TICKET_BYTES = {}, {}, 0, 6200
local ids = is_forced == 1 and epoch ~= '' and redis.call('HKEYS', inflight) or {}
for i = 1, #ids do
  local is_short = ids[i] ~= 'suspect' and redis.call('HSTRLEN', inflight, ids[i]) <= MOST_TICKET_BYTES
  local body = is_short and redis.call('HGET', inflight, ids[i]) or ''
  local is_keyed = (tonumber(string.sub(body, 26, 26)) or 0) % 4 == 1
  if is_keyed then
    keyed[#keyed + 1] = body
  elseif (tonumber(string.sub(body, 18, 18), 16) or 0) % 2 == 1 then
    tickets[#tickets + 1] = body
  end
  if ids[i] ~= 'suspect' and not is_keyed then held = held + 1 end
end
local count = math.min(limit, letters)
redis.call('LTRIM', dead, count, -1)
redis.call('UNLINK', done)
if epoch ~= '' and redis.call('ZREM', leases, epoch) == 1 then
  count = count + held
  redis.call('UNLINK', inflight)
  -- Tickets of keys go with what waits behind them.
  push_front(line, ready, keyed)
  if #keyed > 0 then keep_line(meta, line) end
  waiting = waiting + #keyed
  if epochs[1] == epoch then table.remove(epochs, 1) end
end
if #epochs + waiting + schedule_count == 0 and letters <= limit then
  redis.call('UNLINK', meta, wake)
  note_event(told, 'O', '')
  write_events(told)
  return { 'gone', count, tickets }
end
redis.call('HSET', meta, 'paused', 1)
return { 'step', count, waiting, schedule_count, epochs[1] or '', tickets }
