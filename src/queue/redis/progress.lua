-- The steps of an exchange that concern its consumer: what it is told, and what is known of its last call.
-- BRINGS split read_bodies recall remember take_suspect hold next_fence next_due

local function split(ids)
  local list = {}
  for id in string.gmatch(ids, '%d+') do list[#list + 1] = id end
  return list
end

local function read_bodies(inflight, ids)
  local bodies = {}
  for _, id in ipairs(ids) do
    local body = redis.call('HGET', inflight, id)
    if body then bodies[#bodies + 1] = body end
  end
  return bodies
end

-- What is known of this very call: nothing if it is new, 'again' and its answer, or 'lost'. That is where
-- a later call was answered already; or one that was answered is missing, after a failover to a
-- replica that had not seen it: what was settled then would be held for ever.
local function recall(previous, sequence, lease)
  if not previous then return nil end
  local done, fence, ids, stale = string.match(previous, '^(%d+);(%d+);([%d,]*);([%d,]*)$')
  if tonumber(done) > sequence or tonumber(done) < sequence - 1 then return 'lost' end
  if tonumber(done) < sequence then return nil end
  if ids ~= '' and not lease then return 'lost' end
  -- RARELY: it was answered
  return 'again', split(ids), fence, split(stale)
end

local function remember(last, sequence, fence, ids, stale)
  local text = sequence .. ';' .. fence .. ';' .. table.concat(ids, ',') .. ';' .. table.concat(stale, ',')
  redis.call('SET', last, text, 'PX', 600000)
end

-- Answers its id, and how many are left.
local function take_suspect(suspects, count, bodies)
  bodies[1] = redis.call('LPOP', suspects)
  return string.sub(bodies[1], 1, 16), count - 1
end

-- In flight from now on. Answers the ids.
local function hold(inflight, bodies, suspect)
  local ids, fields = {}, suspect and { 'suspect', suspect } or {}
  for i = 1, #bodies do
    ids[i] = string.sub(bodies[i], 1, 16)
    fields[#fields + 1] = ids[i]
    fields[#fields + 1] = bodies[i]
  end
  if #fields > 0 then redis.call('HSET', inflight, unpack(fields)) end
  return ids
end

-- Higher than the last one. Numbers are slow to print, the time is there as text.
local function next_fence(last_fence)
  local least = tonumber(last_fence or 0) + 1
  return least > now_us and digits_of(least) or now_text
end

-- `heads` are the buckets of timed jobs that are due first.
local function next_due(heads)
  return heads[2] and math.max(0, tonumber(heads[2]) - now_us) or ''
end
