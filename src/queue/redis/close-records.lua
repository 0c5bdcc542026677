-- Ends deliveries of tickets. What follows a job that has ended gets its ticket.
-- KEYLIST keys  of the line, as tickets.lua says; events, watchers, as events.lua says; done, as retained.lua says; then record and log of each
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV events_kept   integer  0: none
-- ARGV retain_count integer  jobs that are done are kept; 0: none
-- ARGV retain_us   integer  for so long
-- ARGV remember_us   integer
-- ARGV dead_us       integer  the same for dead ones: their tickets may come back, to be buried
-- ARGV closings      list  name:string fence:integer outcome:string delay_us:integer result:string reason:string
-- REPLY closed  verdicts:string tail_number:integer filling:integer rank_filling:integer
-- The result of what is retried or dead is a note as history.lua says, or empty; the reason of what goes back is the gate
-- behind which it is parked, or empty.
-- A verdict is a letter: C closed, S stale, X it has ended as cancelled.
-- COST  O(closings), at most 100
-- REPEAT safe  a delivery ends once
-- USE   clock facts queue/line queue/buckets queue/ranks queue/record queue/history queue/tickets queue/filing queue/events engine/digits queue/retained
local meta, reads, queue, ended_bytes = keys[1], {}, nil, 0
local told = open_events(keys[10], keys[11], events_kept)
local retained = retain_count > 0 and open_retained(keys[12], keys[7]) or nil
for at = 13, #keys, 2 do
  local record = keys[at]
  reads[at] = read_record(record)
  if reads[at].next_job then queue = queue or open_line(keys) end
end

local function go_on(record, log, read, name)
  local after = redis.call('HMGET', record, 'next_payload', 'next_header', 'next_due_us')
  write_job(queue, record, log, read, { number = read.next_job, payload = after[1], header = after[2],
    due_us = tonumber(after[3]), name = name, counted = read.counted and #after[1] })
  queue.changed = true
end

local function note_failure(record, read, note)
  if note == '' then return end
  redis.call('HDEL', record, '')
  redis.call('HSET', record, 'history', with_line(redis.call('HGET', record, 'history') or '', note, read.attempt + 1))
end

-- As a plain job, whose own name stands beside it.
local function keep_done(record, read, closing)
  local values, header = redis.call('HMGET', record, 'payload', 'history'), read.header
  local body = read.job .. string.sub(header, 1, 1) .. '0' .. string.format('%03d', math.min(read.attempt, 999))
    .. string.sub(header, 6, 9) .. '0' .. string.sub(header, 11, 12) .. values[1]
  retained.add(closing.name, closing.result, put_past(body, values[2] or ''))
end

local function close(record, log, read, closing)
  if not read.state or read.fence ~= closing.fence then return 'S' end
  if read.state == 'cancelling' then
    ended_bytes = ended_bytes + end_record(record, log, read, 'cancelled', '', '', remember_us)
    note_event(told, 'c', closing.name)
  elseif read.state ~= 'running' then
    return read.state == 'cancelled' and 'X' or 'C'
  elseif closing.outcome == 'retry' or closing.outcome == 'back' then
    local failed, delay_us = closing.outcome == 'retry' and 1 or 0, closing.delay_us
    redis.call('HDEL', record, '')
    note_failure(record, read, closing.result)
    redis.call('HSET', record, 'state', 'waiting', 'attempt', read.attempt + failed,
      'due_us', string.format('%.0f', delay_us > 0 and now_us + delay_us or 0))
    if failed == 0 and closing.reason ~= '' then redis.call('HSET', record, 'gate', closing.reason) end
    if failed == 1 then note_event(told, 'r', string.format('%03d', math.min(read.attempt + 1, 999)) .. closing.name) end
    read.state = 'waiting'
    return 'C'
  elseif closing.outcome == 'dead' then
    note_failure(record, read, closing.result)
    ended_bytes = ended_bytes + end_record(record, log, read, 'dead', '', closing.reason, dead_us)
    note_death(told, 'x', closing.name, closing.reason)
  else
    if retained and closing.outcome == 'done' then keep_done(record, read, closing) end
    ended_bytes = ended_bytes + end_record(record, log, read, closing.outcome, closing.result, closing.reason, remember_us)
    note_event(told, closing.outcome == 'done' and 'd' or 'c', closing.name)
  end
  local verdict = read.state == 'cancelled' and 'X' or 'C'
  if read.next_job then go_on(record, log, read, closing.name) end
  return verdict
end

local verdicts = {}
for at = 13, #keys, 2 do
  local i = (at - 13) * 3
  verdicts[#verdicts + 1] = close(keys[at], keys[at + 1], reads[at], { name = closings[i + 1], fence = tonumber(closings[i + 2]),
    outcome = closings[i + 3], delay_us = tonumber(closings[i + 4]), result = closings[i + 5], reason = closings[i + 6] })
end
write_events(told)
if retained then retained.write(retain_count, retain_us) end
if not queue and ended_bytes > 0 then redis.call('HINCRBY', meta, 'bytes', -ended_bytes) end
if not queue then return { 'closed', table.concat(verdicts), tail_number, tonumber(filling_name),
  tonumber(rank_filling_name) } end
queue.line.bytes, queue.changed = queue.line.bytes - ended_bytes, true
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
return { 'closed', table.concat(verdicts), queue.line.next, queue.fill.number, queue.ranked.number }
