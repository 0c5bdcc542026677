-- What is known of one job by its name, and the ticket that stands for it in line.
--   record  hash
--     state     waiting, running or cancelling; done, dead or cancelled
--     job       its number, that of its first ticket
--     ticket    the number of the ticket that counts, where it is another one
--     header    what stands between number and name in a ticket
--     payload, due_us, attempt, progress
--     fence     of the delivery that runs it
--     deadline_us  a delivery after it is dead
--     gate      behind which its ticket is parked
--     counted   bytes of its payload, where `bytes` of the queue has them
--     quiet_us  until when a throttled add is refused
--     next_job, next_payload, next_header, next_due_us   what is to follow the one that runs
--     ended_job, ended_as, ended_us, result, reason      the last one that ended
--     history   lines as history.lua says, and crashes: how many of them are told there
--     until_us  how long it is remembered; the TTL only collects garbage
--     watchers  who is told of the end, and until when: 'client until_us client until_us '
--   log     list of lines
-- BRINGS read_record lives live_watchers end_record

local FIELDS = { 'state', 'job', 'ticket', 'header', 'due_us', 'attempt', 'fence', 'quiet_us', 'next_job',
  'until_us', 'watchers', 'deadline_us', 'counted' }

-- A key of another type, or a record of another version, fails here.
local function read_record(record)
  local values = redis.call('HMGET', record, unpack(FIELDS))
  local read = {}
  for i, field in ipairs(FIELDS) do read[field] = values[i] or nil end
  if read.state and not (read.job and read.header) then error({ err = 'WRONGTYPE not a record of a job' }) end
  if tonumber(read.until_us or math.huge) <= now_us then return { over = true } end
  read.ticket = read.ticket or read.job
  read.due_us, read.attempt = tonumber(read.due_us or 0), tonumber(read.attempt or 0)
  read.fence = tonumber(read.fence or 0)
  return read
end

local function lives(read)
  return read.state == 'waiting' or read.state == 'running' or read.state == 'cancelling'
end

local function live_watchers(read)
  local clients = {}
  for client, until_text in string.gmatch(read.watchers or '', '(%S+) (%d+) ') do
    if tonumber(until_text) > now_us then clients[#clients + 1] = { client, until_text } end
  end
  return clients
end

-- Ends the job as `state`, with a result or a reason, and tells who watches. Kept for so long. Answers how many
-- bytes less the queue has then.
local function end_record(record, log, read, state, result, reason, remember_us)
  redis.call('HDEL', record, '')
  local until_us = math.max(now_us + remember_us, tonumber(read.quiet_us or 0))
  redis.call('HSET', record, 'state', state, 'ended_job', read.job, 'ended_as', state, 'ended_us', now_text,
    'until_us', string.format('%.0f', until_us))
  if result ~= '' then redis.call('HSET', record, 'result', result) else redis.call('HDEL', record, 'result') end
  if reason ~= '' then redis.call('HSET', record, 'reason', reason) else redis.call('HDEL', record, 'reason') end
  redis.call('HDEL', record, 'due_us', 'watchers', 'counted', 'gate')
  local lives_ms = math.ceil((until_us - now_us) / 1000)
  redis.call('PEXPIRE', record, lives_ms)
  redis.call('PEXPIRE', log, lives_ms)
  for _, client in ipairs(live_watchers(read)) do redis.call('PUBLISH', inbox .. client[1], 'record ' .. record) end
  read.state, read.due_us = state, 0
  return tonumber(read.counted or 0)
end
