-- Tickets on their way into line. Keys of the line, in this order: meta, ready, tail, the name of the
-- next segment, buckets, the bucket for new jobs, wake, ranks, the bucket for new ranked ones.
-- BRINGS open_line next_number put_ticket postpone write_job put_in_line

local function open_line(keys)
  local meta, ready, tail, buckets, filling, wake = keys[1], keys[2], keys[3], keys[5], keys[6], keys[7]
  local ranks, rank_filling = keys[8], keys[9]
  local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes',
    'timed', 'ranked', 'last_id', 'paused')
  redis.call('ZCARD', wake)
  redis.call('ZCARD', filling)
  read_firsts(ranks, rank_filling, rank_filling)
  return { line = read_line(kept, ready, tail), fill = read_fill('timed', kept[6]), ranked = read_fill('ranked', kept[7]),
    last_id = tonumber(kept[8] or 0), paused = kept[9],
    head_us = tonumber(redis.call('ZRANGE', buckets, 0, 0, 'WITHSCORES')[2] or math.huge),
    pushed = {}, timed = {}, earliest_us = math.huge }
end

local function next_number(queue)
  queue.last_id, queue.changed = math.max(queue.last_id + 1, now_us), true
  return string.format('%016.0f', queue.last_id)
end

local function put_ticket(queue, number, header, attempt, name, due_us)
  local body = number .. string.sub(header, 1, 2) .. string.format('%03d', attempt) .. string.sub(header, 6) .. name
  if due_us > now_us then
    queue.timed[#queue.timed + 1] = due_us
    queue.timed[#queue.timed + 1] = body
    queue.earliest_us = math.min(queue.earliest_us, due_us)
  else
    queue.pushed[#queue.pushed + 1] = body
  end
  -- Consumers see by what meta has what to look for, also before any such job is ready.
  if rank_of(body) then queue.ranked.changed = true end
end

-- Another time for a job that waits: a ticket that would come too late is no longer the one that counts.
local function postpone(queue, record, read, name, due_us)
  if due_us < read.due_us then
    read.ticket = next_number(queue)
    redis.call('HSET', record, 'ticket', read.ticket)
    put_ticket(queue, read.ticket, read.header, read.attempt, name, due_us)
  end
  redis.call('HSET', record, 'due_us', string.format('%.0f', due_us))
  read.due_us = due_us
end

-- A new job in a record, new or not. What is known of the one that ended stays.
local function write_job(queue, record, log, read, job)
  if read.over then redis.call('DEL', record, log) end
  redis.call('HSET', record, 'state', 'waiting', 'job', job.number, 'header', job.header, 'payload', job.payload)
  if job.due_us > now_us then redis.call('HSET', record, 'due_us', string.format('%.0f', job.due_us)) end
  if read.state then
    redis.call('HDEL', record, 'ticket', 'attempt', 'progress', 'until_us', 'quiet_us', 'next_job', 'next_payload',
      'next_header', 'next_due_us', 'deadline_us', 'history', 'crashes')
    if job.due_us <= now_us then redis.call('HDEL', record, 'due_us') end
    redis.call('PERSIST', record)
    redis.call('DEL', log)
  end
  if job.deadline_us then redis.call('HSET', record, 'deadline_us', string.format('%.0f', job.deadline_us)) end
  read.state, read.job, read.ticket, read.header = 'waiting', job.number, job.number, job.header
  read.due_us, read.attempt, read.quiet_us, read.next_job = job.due_us, 0, nil, nil
  put_ticket(queue, job.number, job.header, 0, job.name, job.due_us)
end

local function put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
  local meta, ready, tail, tail_segment, wake = keys[1], keys[2], keys[3], keys[4], keys[7]
  local buckets, filling, ranks, rank_filling = keys[5], keys[6], keys[8], keys[9]
  if not queue.changed then return end
  local line = queue.line
  local plain, bytes, ranked = part_by_rank(queue.pushed, true)
  line.bytes = line.bytes + put(queue.fill, buckets, filling, filling_name, queue.timed)
    + put(queue.ranked, ranks, rank_filling, rank_filling_name, ranked)
  if #plain > 0 then append(line, ready, tail, tail_segment, tail_number, plain, bytes) end
  keep_fill(meta, queue.fill)
  keep_fill(meta, queue.ranked)
  keep_line(meta, line, 'last_id', queue.last_id)
  if queue.stranded then redis.call('HINCRBY', meta, 'stranded', queue.stranded) end
  local is_news = #queue.pushed > 0 or queue.earliest_us < queue.head_us
  if is_news and not queue.paused then redis.call('ZADD', wake, 0, 'wake') end
end
