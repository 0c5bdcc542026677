-- When gates with parked jobs are looked at: gate -> look_us, in 64 buckets among those of timed jobs, `gates-00`
-- to `gates-63` by the gate's name. They are no jobs: no fill counts them.
-- BRINGS KEEPER_US set_look drop_look job_heads look

local KEEPER_US = 4000000

local function set_look(buckets, looks, looks_name, gate, look_us)
  redis.call('ZADD', looks, look_us, gate)
  note_head(buckets, looks, looks_name)
end

local function drop_look(buckets, looks, looks_name, gate)
  redis.call('ZREM', looks, gate)
  note_head(buckets, looks, looks_name)
end

-- The first buckets of jobs, without another one that is said.
local function job_heads(buckets, without)
  local heads, all = {}, redis.call('ZRANGE', buckets, 0, 66, 'WITHSCORES')
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 6) ~= 'gates-' and all[i] ~= without then
      heads[#heads + 1] = all[i]
      heads[#heads + 1] = all[i + 1]
    end
  end
  return heads
end

-- A look is due before all jobs. Answers which buckets come first then, and gates without a keeper, unless jobs are to
-- be taken before: of these gates nobody else is told until who called had time to keep them. Who wants no jobs is told
-- of none, so it is no reason to call again, and keeps no job from becoming ready.
local function look(buckets, due, due_name, want)
  local heads = redis.call('ZRANGE', buckets, 0, 1, 'WITHSCORES')
  if want > 0 and heads[1] ~= due_name then return heads, {} end
  if want > 0 then
    local gates, later = redis.call('ZRANGEBYSCORE', due, '-inf', now_us, 'LIMIT', 0, 100), {}
    for i, gate in ipairs(gates) do
      later[2 * i - 1] = now_us + KEEPER_US
      later[2 * i] = gate
    end
    redis.call('ZADD', due, unpack(later))
    note_head(buckets, due, due_name)
    return redis.call('ZRANGE', buckets, 0, 1, 'WITHSCORES'), gates
  end
  local jobs = job_heads(buckets)
  if jobs[2] and tonumber(jobs[2]) <= now_us then return jobs end
  -- The caller had better know of the look, for its next call.
  return { heads[1], jobs[2] }, {}
end
