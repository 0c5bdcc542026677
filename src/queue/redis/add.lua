-- Adds a batch of jobs of one producer, in order; the same batch again adds nothing.
-- KEYS  meta      hash {last_id, last_us, last_fence, and what line.lua and buckets.lua keep}
-- KEYS  ready     list of bodies
-- KEYS  tail      list of bodies
-- KEYS  tail_segment  the name of the next segment as far as the caller knows
-- KEYS  buckets   zset bucket -> due_us
-- KEYS  filling   zset body -> due_us, the bucket for new jobs as far as the caller knows
-- KEYS  ranks     zset bucket -> rank of its first job
-- KEYS  rank_filling  zset body -> rank, the bucket for new jobs as far as the caller knows
-- KEYS  wake      zset, one token while a claim may succeed
-- KEYS  events    stream, see events.lua
-- KEYS  watchers  zset channel -> until_us
-- KEYS  producer  string 'sequence unbroken_from first_id' and the first id of the batch before where it may be asked for again, for ten minutes; not touched by a batch without a sequence
-- ARGV  tail_number   integer
-- ARGV  filling_name  string
-- ARGV  rank_filling_name  string
-- ARGV  sequence      integer  0 in a transaction of the user's: nobody repeats that
-- ARGV  last_added    integer  the last batch that this producer knows to be added, or 0
-- ARGV  is_behind     integer  1 where the batch before it is under way: refused unless that was added last
-- ARGV  dues          string
-- ARGV  max_length    integer  jobs that may wait, or 0
-- ARGV  max_bytes     integer  bytes of payload that may wait, or 0
-- ARGV  events_kept integer  0: none
-- ARGV  has_flags     integer  1 if any body has flags
-- ARGV  bodies        list  body:string  without their ids
-- REPLY added  first_id:integer tail_number:integer filling:integer rank_filling:integer   the ids follow without a gap
-- REPLY full   length:integer bytes:integer   what waits already; nothing was added
-- REPLY stale                     a later batch of this producer was added before
-- REPLY gap                       the batch before it was not added last; nothing was added
-- A server without last_added has lost it, or took over without it: then unbroken_from is this batch.
-- Dues are '' if all are due now, else one for each body, each with a comma: '' for now, '+us' for
-- after that long, or '@us' for that time.
-- COST  O(jobs), at most 1000
-- REPEAT safe  by the producer's sequence
-- USE   clock engine/digits queue/line queue/buckets queue/ranks queue/history queue/events queue/settle queue/deadline
-- Characters in front of what is counted as payload, with the id and without.
local HEADER, NEW_HEADER = 28, 12
local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes',
  'timed', 'ranked', 'last_id', 'paused')
local line = read_line(kept, ready, tail)
local timed, ranked = read_fill('timed', kept[6]), read_fill('ranked', kept[7])
redis.call('ZCARD', wake)
local told = events_kept > 0 and open_events(events, watchers, events_kept) or nil
local previous = sequence > 0 and redis.call('GET', producer)
if dues ~= '' then redis.call('ZCARD', filling) end
local head_us = dues ~= '' and tonumber(redis.call('ZRANGE', buckets, 0, 0, 'WITHSCORES')[2]) or math.huge
if has_flags == 1 then read_firsts(ranks, rank_filling, rank_filling) end
local done, unbroken_from, done_first, before_first = 0, sequence, nil, nil
if previous then
  done, unbroken_from, done_first, before_first = string.match(previous, '^(%d+) (%d+) (%d+) ?(%d*)$')
  done = tonumber(done)
  if done < last_added then unbroken_from = sequence end
  local first = done == sequence and done_first or done == sequence + 1 and before_first or ''
  if first ~= '' then return { 'added', tonumber(first), line.next, timed.number, ranked.number } end
  if done > sequence then return { 'stale' } end
end
if is_behind == 1 and done ~= sequence - 1 then return { 'gap' } end

if max_length > 0 or max_bytes > 0 then
  local behind = redis.call('HMGET', meta, 'parked', 'stranded')
  local in_line = waiting_in(line) + timed.count + ranked.count + tonumber(behind[1] or 0)
  local length = in_line + tonumber(behind[2] or 0)
  local waiting_bytes, new_bytes = line.bytes - HEADER * in_line, -NEW_HEADER * #bodies
  for i = 1, #bodies do new_bytes = new_bytes + #bodies[i] end
  local is_long = max_length > 0 and length + #bodies > max_length
  if is_long or (max_bytes > 0 and waiting_bytes + new_bytes > max_bytes) then
    return { 'full', length, waiting_bytes }
  end
end

local first_id = math.max(tonumber(kept[8] or 0) + 1, now_us)
local pushed, bytes, put_timed, put_ranked, earliest_us, tens = {}, 0, {}, {}, math.huge, nil
local has_deadlines, due_of = false, dues ~= '' and string.gmatch(dues, '([^,]*),')
for i = 1, #bodies do
  local ones = (first_id + i - 1) % 10
  if ones == 0 or i == 1 then tens = string.sub(digits_of(first_id + i - 1), 1, 15) end
  local body = tens .. DIGITS[ones] .. bodies[i]
  local rank, is_limited = nil, false
  if has_flags == 1 then
    rank, body, is_limited = rank_of(body), date_deadline(body)
  end
  local due, at_us = due_of and due_of() or '', now_us
  if due ~= '' then
    at_us = tonumber(string.sub(due, 2)) + (string.sub(due, 1, 1) == '+' and now_us or 0)
  end
  -- Consumers see by what meta has what to look for, also before any such job is ready.
  if rank then ranked.changed = true end
  has_deadlines = has_deadlines or is_limited
  if at_us > now_us then
    put_timed[#put_timed + 1] = at_us
    put_timed[#put_timed + 1] = body
    earliest_us = math.min(earliest_us, at_us)
  elseif rank then
    put_ranked[#put_ranked + 1] = rank
    put_ranked[#put_ranked + 1] = body
  else
    pushed[#pushed + 1] = body
    bytes = bytes + #body
  end
end
line.bytes = line.bytes + put(timed, buckets, filling, filling_name, put_timed)
  + put(ranked, ranks, rank_filling, rank_filling_name, put_ranked)
if #pushed > 0 then append(line, ready, tail, tail_segment, tail_number, pushed, bytes) end
keep_fill(meta, timed)
keep_fill(meta, ranked)
if has_deadlines then redis.call('HSET', meta, 'deadlines', 1) end
keep_line(meta, line, 'last_id', first_id + #bodies - 1)
-- A job that is due before all others must move the timers of those who wait.
if not kept[9] and (#pushed + #put_ranked > 0 or earliest_us < head_us) then redis.call('ZADD', wake, 0, 'wake') end
if told then
  note_event(told, 'A', string.format('%.0f %d', first_id, #bodies), #bodies)
  write_events(told)
end
local known = string.format('%.0f %.0f %.0f', sequence, unbroken_from, first_id) .. (is_behind == 1 and ' ' .. done_first or '')
if sequence > 0 then redis.call('SET', producer, known, 'PX', 600000) end
return { 'added', first_id, line.next, timed.number, ranked.number }
