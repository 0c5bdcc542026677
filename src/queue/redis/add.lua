-- Adds a batch of jobs of one producer, in order; the same batch again adds nothing.
-- KEYS  meta      hash {last_id, last_us, last_fence}
-- KEYS  ready     list of bodies
-- KEYS  timers    zset body -> due_us
-- KEYS  wake      zset, one token while a claim may succeed
-- KEYS  producer  string 'sequence first_id', for ten minutes
-- ARGV  sequence  integer
-- ARGV  jobs      list  due:string body:string
-- REPLY added  first_id:integer   the others follow it without a gap
-- REPLY stale                     a later batch of this producer was added before
-- A due is '' for now, '+us' for after that long, or '@us' for that time.
-- COST  O(jobs), at most 1000
-- REPEAT safe  by the producer's sequence
-- USE   clock
local last_id = tonumber(redis.call('HGET', meta, 'last_id') or 0)
redis.call('LLEN', ready)
redis.call('ZCARD', wake)
local head_due = tonumber(redis.call('ZRANGE', timers, 0, 0, 'WITHSCORES')[2] or math.huge)
local previous = redis.call('GET', producer)
if previous then
  local done, done_first = string.match(previous, '^(%d+) (%d+)$')
  if tonumber(done) == sequence then return { 'added', tonumber(done_first) } end
  if tonumber(done) > sequence then return { 'stale' } end
end

local first_id = math.max(last_id + 1, now_us)
local count = #jobs / 2
redis.call('HSET', meta, 'last_id', first_id + count - 1)
local earliest, pushed = math.huge, {}
for i = 0, count - 1 do
  local due, text = jobs[i * 2 + 1], jobs[i * 2 + 2]
  local body = string.sub(text, 1, 10) .. string.format('%016.0f', first_id + i) .. string.sub(text, 11)
  local at = now_us
  if due ~= '' then
    at = tonumber(string.sub(due, 2)) + (string.sub(due, 1, 1) == '+' and now_us or 0)
  end
  if at > now_us then
    redis.call('ZADD', timers, at, body)
    earliest = math.min(earliest, at)
  else
    pushed[#pushed + 1] = body
  end
end
if #pushed > 0 then redis.call('RPUSH', ready, unpack(pushed)) end
-- A job that is due before all others must move the timers of those who wait.
if #pushed > 0 or earliest < head_due then redis.call('ZADD', wake, 0, 'wake') end
redis.call('SET', producer, string.format('%.0f %.0f', sequence, first_id), 'PX', 600000)
return { 'added', first_id }
