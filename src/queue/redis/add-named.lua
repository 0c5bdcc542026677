-- Adds jobs by name, in order, as far as what is there allows; the same batch again changes nothing.
-- KEYLIST keys  of the line, as tickets.lua says; events, watchers, as events.lua says; producer: string 'sequence unbroken_from answers', for ten minutes; then record and log of each job
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV sequence      integer  0 in a transaction of the user's: nobody repeats that
-- ARGV last_added    integer  the last batch that this producer knows to be added, or 0
-- ARGV events_kept   integer  0: none
-- ARGV max_length    integer  jobs that may wait, or 0
-- ARGV max_bytes     integer  bytes of payload that may wait, or 0; what is added is counted only then
-- ARGV jobs          list  name:string mode:string quiet_us:integer due:string deadline:string header:string payload:string
-- REPLY added  answers:string tail_number:integer filling:integer rank_filling:integer
-- REPLY full   length:integer bytes:integer   what waits already; nothing was added
-- REPLY stale                    a later batch of this producer was added before
-- An answer is a number of 16 digits, and 1 if this add made that job, else 0. Dues and deadlines are as in instants.lua.
-- COST  O(jobs), at most 100
-- REPEAT safe  by the producer's sequence
-- USE   clock facts queue/line queue/buckets queue/ranks queue/record queue/instants queue/tickets queue/filing queue/room queue/events
local producer, meta = keys[12], keys[1]
local queue, told = open_line(keys), open_events(keys[10], keys[11], events_kept)
local previous = sequence > 0 and redis.call('GET', producer)
local unbroken_from = sequence
if previous then
  local done, from, answers = string.match(previous, '^(%d+) (%d+) (%d*)$')
  if tonumber(done) == sequence then return { 'added', answers, queue.line.next, queue.fill.number, queue.ranked.number } end
  if tonumber(done) > sequence then return { 'stale' } end
  if tonumber(done) >= last_added then unbroken_from = tonumber(from) end
end
local known = {}
for at = 13, #keys, 2 do known[keys[at]] = known[keys[at]] or read_record(keys[at]) end

-- How many more would wait, and how much more data.
local function growth()
  local count, bytes, planned = 0, 0, {}
  for i = 1, #jobs, 7 do
    local record = keys[13 + (i - 1) / 7 * 2]
    local read = planned[record] or known[record]
    local what = choice(read, jobs[i + 1])
    if what == 'new' then count, bytes = count + 1, bytes + #jobs[i] + #jobs[i + 5] - 12 end
    if what == 'new' or what == 'replace' then
      bytes = bytes + #jobs[i + 6] - (what == 'new' and 0 or tonumber(read.counted or 0))
      planned[record] = { state = 'waiting', counted = #jobs[i + 6] }
    end
  end
  return count, bytes
end
if max_length + max_bytes > 0 then
  local length, bytes = fullness(meta, queue, max_length, max_bytes, growth())
  if length then return { 'full', length, bytes } end
end

-- What follows has the number of the first that was to follow: that one never was.
local function follow(record, read, header, payload, due_us)
  local is_new = not read.next_job
  read.next_job = read.next_job or next_number(queue)
  redis.call('HSET', record, 'next_job', read.next_job, 'next_payload', payload, 'next_header', header,
    'next_due_us', string.format('%.0f', due_us))
  return is_new
end

-- The first write needs memory: a full server refuses all.
redis.call('HSET', meta, 'last_id', queue.last_id)
local answers = {}
for i = 1, #jobs, 7 do
  local name, mode, quiet_us, due_us = jobs[i], jobs[i + 1], tonumber(jobs[i + 2]), instant(jobs[i + 3])
  local deadline_us = jobs[i + 4] ~= '' and instant(jobs[i + 4]) or nil
  local header, payload = jobs[i + 5], jobs[i + 6]
  local record, log = keys[13 + (i - 1) / 7 * 2], keys[14 + (i - 1) / 7 * 2]
  local read = known[record]
  local what, number, is_new = choice(read, mode), read.job, false
  if what == 'new' then
    number, is_new = next_number(queue), true
    write_job(queue, record, log, read, { number = number, header = header, payload = payload, due_us = due_us,
      deadline_us = deadline_us, name = name, counted = max_bytes > 0 and #payload or nil })
    if quiet_us > 0 then
      read.quiet_us = string.format('%.0f', now_us + quiet_us)
      redis.call('HSET', record, 'quiet_us', read.quiet_us)
    end
  elseif what == 'follow' then
    is_new = follow(record, read, header, payload, due_us)
    number = read.next_job
  elseif what == 'replace' then
    redis.call('HSET', record, 'payload', payload)
    if max_bytes > 0 then count_bytes(queue, record, read, #payload) end
    if mode == 'debounce' then postpone(queue, record, read, name, due_us) end
  end
  if is_new then note_event(told, 'a', name) end
  answers[#answers + 1] = number .. (is_new and '1' or '0')
end
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
write_events(told)
local answered = table.concat(answers)
if sequence > 0 then redis.call('SET', producer, string.format('%.0f %.0f ', sequence, unbroken_from) .. answered, 'PX', 600000) end
return { 'added', answered, queue.line.next, queue.fill.number, queue.ranked.number }
