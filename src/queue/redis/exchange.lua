-- One call of a consumer: settles what it finished, moves what is due, and claims what it wants.
-- KEYS  meta      hash {last_id, last_us, last_fence, and what line.lua and buckets.lua keep}
-- KEYS  ready     list of bodies
-- KEYS  tail      list of bodies
-- KEYS  head_segment  list of bodies, the oldest segment as far as the caller knows
-- KEYS  tail_segment  the name of the next one
-- KEYS  suspects  list of bodies that were in flight when a worker crashed
-- KEYS  buckets   zset bucket -> due_us
-- KEYS  due       zset body -> due_us, the bucket that is due first as far as the caller knows; or gate -> look_us
-- KEYS  filling   zset body -> due_us, the bucket for retries
-- KEYS  ranks     zset bucket -> rank of its first job
-- KEYS  rank_first    zset body -> rank, the bucket with the lowest rank as far as the caller knows
-- KEYS  rank_filling  zset body -> rank, the bucket for what becomes ready
-- KEYS  leases    zset epoch -> deadline_us
-- KEYS  inflight  hash id -> body, of this epoch
-- KEYS  last      string 'sequence;fence;claimed ids;stale ids', for ten minutes
-- KEYS  wake      zset, one token while a claim may succeed
-- KEYS  dead      list of dead letters
-- KEYS  done      list, see retained.lua
-- KEYS  events    stream, see events.lua
-- KEYS  watchers  zset channel -> until_us
-- ARGV  head_number  integer
-- ARGV  tail_number  integer
-- ARGV  due_name     string
-- ARGV  filling_name string
-- ARGV  rank_first_name    string
-- ARGV  rank_filling_name  string
-- ARGV  epoch        string
-- ARGV  sequence     digits
-- ARGV  lease_us     integer
-- ARGV  held_count   integer
-- ARGV  want         integer
-- ARGV  events_kept  integer  0: none
-- ARGV  retain_count  integer  jobs that are done are kept; 0: none
-- ARGV  retain_us    integer  for so long
-- ARGV  quiet        string   ids of tickets of which is told elsewhere what became of their jobs
-- ARGV  acks         string   ids of 16 digits, one after the other
-- ARGV  retries      list  id:string delay_us:integer failed:string  below 0: it stays in flight; 0, 1, or a note as history.lua says
-- ARGV  deaths       list  id:string reason:string payload:string note:string  the payload of a ticket with its label, else empty
-- REPLY ok  bodies:strings gates:strings fence:digits stale:strings next_due_us:integer? more:integer watch:integer expired:string head_number:integer tail_number:integer due_name:string filling:integer rank_first_name:string rank_filling:integer
-- REPLY lost
-- `gates` are those with parked jobs that have no keeper.
-- COST  O(settled + wanted), at most 1000 each
-- REPEAT safe  by the sequence
-- USE   clock engine/digits queue/history queue/events queue/retained queue/settle queue/deadline queue/line queue/buckets queue/looks queue/ranks queue/leases queue/progress
local has_lease, other, other_until_us = read_leases(leases, epoch)
-- A key of another type fails here, before the first write.
local previous, kept = redis.call('GET', last), redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments',
  'filled', 'bytes', 'timed', 'ranked', 'last_us', 'last_fence', 'deadlines', 'paused')
local line, timed, ranked = read_line(kept, ready, tail), read_fill('timed', kept[6]), read_fill('ranked', kept[7])
local has_ranks, has_deadlines, is_paused = kept[7], kept[10], kept[11]
if is_paused then want = 0 end
local heads, firsts, told, retained, gates = redis.call('ZRANGE', buckets, 0, 1, 'WITHSCORES'), {}, nil, nil, nil
if has_ranks then firsts = read_firsts(ranks, rank_first, rank_filling) end -- RARELY
local suspect, suspected = redis.call('HGET', inflight, 'suspect'), redis.call('LLEN', suspects)
if waiting_in(line) + suspected + #retries > 0 or heads[1] or has_ranks then redis.call('ZCARD', wake) end
if #retries > 0 then redis.call('ZCARD', filling) end
if #deaths > 0 or has_deadlines then redis.call('LLEN', dead) end
if heads[1] == due_name then redis.call('ZCARD', due) end
if events_kept > 0 then told = open_events(events, watchers, events_kept) end -- RARELY
if retain_count > 0 and acks ~= '' then retained = open_retained(done, wake) end -- RARELY
local known, ids, fence, stale = recall(previous, tonumber(sequence), has_lease)
if known == 'lost' or (not known and held_count > 0 and not has_lease) then return { 'lost' } end
if known == 'again' then
  -- RARELY: it was answered
  return { 'ok', read_bodies(inflight, ids), {}, fence, stale, next_due(heads), 0, 1, '', line.first, line.next,
    heads[1] or '', timed.number, firsts[1] or '', ranked.number }
end
-- A full server refuses a script whose first write may need memory. What ends frees some, or this does, so the rest runs.
if retained or acks == '' then redis.call('HDEL', meta, '') end
if retained then retained.keep_acked(inflight, acks, retain_count, retain_us) end
local settled = settle(inflight, dead, suspect, acks, retries, deaths, told, quiet)
local silent = refresh_after_silence(tonumber(kept[8] or now_us), leases, lease_us)
if #retries > 0 then
  -- RARELY: some are given back, or tried again later
  if #settled.suspects > 0 then suspected = redis.call('LPUSH', suspects, unpack(settled.suspects)) end
  local back, _, back_ranked = part_by_rank(settled.ready, has_ranks)
  push_front(line, ready, back)
  line.bytes = line.bytes + put(ranked, ranks, rank_first, rank_first_name, back_ranked)
    + put(timed, buckets, filling, filling_name, settled.timed)
  heads = redis.call('ZRANGE', buckets, 0, 1, 'WITHSCORES')
end
if heads[2] and tonumber(heads[2]) <= now_us and not is_paused then
  -- RARELY: a gate is to be looked at, or jobs are due
  local is_look = string.sub(heads[1], 1, 6) == 'gates-'
  if is_look then heads, gates = look(buckets, due, due_name, want) end
  local due_now, due_bytes = take_first(timed, heads, buckets, due, due_name, now_us, gates and 0 or 100)
  if #due_now > 0 then
    local promoted, bytes, promoted_ranked = part_by_rank(due_now, has_ranks)
    line.bytes = line.bytes - due_bytes + put(ranked, ranks, rank_filling, rank_filling_name, promoted_ranked)
    if #promoted > 0 then append(line, ready, tail, tail_segment, tail_number, promoted, bytes) end
    heads = is_look and look(buckets, due, due_name, want) or redis.call('ZRANGE', buckets, 0, 1, 'WITHSCORES')
  end
end
local next_us = is_paused and '' or next_due(heads)
-- A retry that is due before all others must move the timers of those who wait.
if next_us == settled.soonest_us then redis.call('ZADD', wake, 0, 'wake') end
-- At most one suspect for an epoch, then ranks below 0, those in line, and the other ranks.
local bodies, suspect_id = {}, nil
local takes_suspect = want > 0 and suspected > 0 and not settled.suspect
if takes_suspect then suspect_id, suspected = take_suspect(suspects, suspected, bodies) end -- RARELY
if ranked.count > 0 then firsts = take_ranked(line, ranked, ranks, rank_first, rank_first_name, -1, want, bodies) end -- RARELY
if ranked.count == 0 or tonumber(firsts[2] or 0) >= 0 then
  pop(line, ready, tail, head_segment, head_number, want - #bodies, bodies)
  if ranked.count > 0 and waiting_in(line) == 0 then
    -- RARELY: it is their turn
    firsts = take_ranked(line, ranked, ranks, rank_first, rank_first_name, math.huge, want, bodies)
  end
end
local found = #bodies
if has_deadlines then bodies, suspect_id = drop_overdue(bodies, suspect_id, dead, told) end -- RARELY
ids = hold(inflight, bodies, suspect_id)
-- What is left wakes the next consumer; a suspect that only someone else may take would wake this one in a circle.
local left = waiting_in(line) + ranked.count
if not is_paused and left + (found > 0 and suspected or 0) > 0 then redis.call('ZADD', wake, 0, 'wake') end
keep_lease(leases, inflight, epoch, lease_us, has_lease, #bodies > 0)
fence = next_fence(kept[9])
if timed.changed then keep_fill(meta, timed) end -- RARELY
if ranked.changed then keep_fill(meta, ranked) end -- RARELY
keep_line(meta, line, 'last_us', now_text, 'last_fence', fence)
remember(last, sequence, fence, ids, settled.stale)
if told then write_events(told) end -- RARELY
local more = (gates and next_us == 0 or #bodies < want and (left > 0 or next_us == 0)) and 1 or 0
return { 'ok', bodies, gates or {}, fence, settled.stale, next_us, more, other and 1 or 0,
  over(other, other_until_us, silent), line.first, line.next, heads[1] or '', timed.number, firsts[1] or '', ranked.number }
