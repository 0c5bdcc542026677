-- Removes some of the jobs that wait, and leaves schedules their tickets.
-- KEYS  meta      hash, what line.lua and buckets.lua keep
-- KEYS  ready     list of bodies
-- KEYS  tail      list of bodies
-- KEYS  head_segment  list of bodies, the oldest segment as far as the caller knows
-- KEYS  suspects  list of bodies
-- KEYS  buckets   zset bucket -> due_us
-- KEYS  due       zset body -> due_us, the bucket that is due first as far as the caller knows
-- KEYS  ranks     zset bucket -> rank of its first job
-- KEYS  rank_first  zset body -> rank, the bucket with the lowest rank as far as the caller knows
-- KEYS  scheduled  zset body -> due_us, the bucket with the tickets of schedules
-- KEYS  schedules  zset name -> 0
-- KEYS  events    stream, see events.lua
-- KEYS  watchers  zset channel -> until_us
-- KEYS  wake      zset, one token while a claim may succeed
-- ARGV  head_number      integer
-- ARGV  due_name         string
-- ARGV  rank_first_name  string
-- ARGV  limit            integer
-- ARGV  events_kept      integer  0: none
-- ARGV  takes_schedules  integer  1: their tickets go, too
-- REPLY drained  count:integer left:integer head_number:integer due_name:string rank_first_name:string tickets:strings keyed:strings stranded:integer parked:integer
-- The records of `tickets` are to go as well. `keyed` are tickets of keys, which went to the front of the
-- line: they and what waits behind them is for drain-strands. That many wait behind others of
-- their key, and that many behind gates.
-- COST  O(limit), at most 100
-- REPEAT unsafe
-- USE   clock queue/line queue/buckets queue/looks queue/ranks queue/events
local without = takes_schedules == 0 and 'schedules' or nil
local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes',
  'timed', 'ranked', 'paused', 'stranded', 'parked')
local line = read_line(kept, ready, tail)
local timed, ranked = read_fill('timed', kept[6]), read_fill('ranked', kept[7])
read_firsts(ranks, rank_first, due)
redis.call('ZCARD', scheduled)
redis.call('ZCARD', wake)
local told = open_events(events, watchers, events_kept)
local heads = job_heads(buckets, without)
local bodies = redis.call('LPOP', suspects, limit) or {}
local firsts = take_ranked(line, ranked, ranks, rank_first, rank_first_name, math.huge, limit, bodies)
pop(line, ready, tail, head_segment, head_number, limit - #bodies, bodies)
local taken, bytes = take_first(timed, heads, buckets, due, due_name, math.huge, limit - #bodies)
local count, tickets, keyed, spared = #bodies + #taken, {}, {}, {}
for i = 1, #taken do bodies[#bodies + 1] = taken[i] end
for i = 1, #bodies do
  if tonumber(string.sub(bodies[i], 26, 26)) % 4 == 1 then
    keyed[#keyed + 1] = bodies[i]
  elseif tonumber(string.sub(bodies[i], 18, 18), 16) % 2 == 1 then
    tickets[#tickets + 1] = bodies[i]
  end
  -- On its way to a worker, or handed back by one: due at once, so that it is opened again.
  local schedule = string.match(bodies[i], '^%d+9%d+schedule:(.*)$')
  if schedule then count = count - 1 end
  if schedule and takes_schedules == 0 and redis.call('ZSCORE', schedules, schedule) then
    spared[#spared + 1] = 0
    spared[#spared + 1] = bodies[i]
  end
end
if #bodies > 0 then
  line.bytes = line.bytes - bytes + put(timed, buckets, scheduled, 'schedules', spared)
  push_front(line, ready, keyed)
  keep_fill(meta, timed)
  keep_fill(meta, ranked)
  keep_line(meta, line)
end
if #spared > 0 and not kept[8] then redis.call('ZADD', wake, 0, 'wake') end
if count > #keyed then note_event(told, 'N', string.format('%d', count - #keyed)) end
write_events(told)
local left = waiting_in(line) + timed.count + ranked.count + redis.call('LLEN', suspects)
if takes_schedules == 0 then left = left - redis.call('ZCARD', scheduled) end
heads = job_heads(buckets, without)
return { 'drained', count - #keyed, left, line.first, heads[1] or '', firsts[1] or '', tickets, keyed,
  tonumber(kept[9] or 0), tonumber(kept[10] or 0) }
