-- Jobs on their way into records. What stands for them in line is in tickets.lua.
-- BRINGS choice count_bytes write_job

-- What is to become of an add by that name: `new`, `keep` what is there, `replace` its data, or `follow` it.
local function choice(read, mode)
  if not read.state or mode == 'once' then return read.state and 'keep' or 'new' end
  if not lives(read) then
    return mode == 'throttle' and tonumber(read.quiet_us or 0) > now_us and 'keep' or 'new'
  end
  if mode == 'simple' or mode == 'throttle' then return 'keep' end
  return read.state == 'waiting' and 'replace' or 'follow'
end

-- What is counted of the data of a job in a record.
local function count_bytes(queue, record, read, bytes)
  queue.line.bytes, queue.changed = queue.line.bytes + bytes - tonumber(read.counted or 0), true
  redis.call('HSET', record, 'counted', bytes)
  read.counted = bytes
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
  read.due_us, read.attempt, read.quiet_us, read.next_job, read.counted = job.due_us, 0, nil, nil, nil
  if job.counted then count_bytes(queue, record, read, job.counted) end
  put_ticket(queue, job.number, job.header, 0, job.name, job.due_us)
end
