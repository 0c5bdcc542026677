-- The line in front of a gate: who waits, in which order, and until when each of them counts.
--   line     zset  owner -> place
--   waiters  hash  owner -> 'kind called_us claim_us weight metadata'; kind is caller or job
-- A caller counts until claim_us after it called, a job for 15 s: its heartbeats are rarer.
-- BRINGS line_counts_us line_read line_leave line_find line_join line_keep line_first_of

-- How long a waiter counts after a call.
local function line_counts_us(kind, claim_us)
  if kind == 'job' then return 15000000 end
  return claim_us
end

local function line_read(entry)
  if not entry then return nil end
  local kind, called_us, claim_us, weight, metadata =
    string.match(entry, '^(%a+) (%d+) (%d+) (%d+) (.*)$')
  if not kind then return nil end
  return kind, called_us + line_counts_us(kind, claim_us), claim_us, tonumber(weight), metadata
end

local function line_leave(line, waiters, owner)
  redis.call('ZREM', line, owner)
  redis.call('HDEL', waiters, owner)
end

-- The first live waiter for which `suits(owner, claim_us, weight, metadata, entry)` answers true, any
-- if it is nil; who does not suit keeps its place. The dead are dropped on the way. About `most` are
-- looked at, 1,024 if it is not said: a line full of the dead holds up no server. Returns owner,
-- claim_us as digits, weight, metadata.
local function line_find(line, waiters, suits, most)
  local skip, looked_at, from, to = 0, 0, '0', '0'
  while looked_at < (most or 1024) do
    local owners = redis.call('ZRANGE', line, from, to)
    if #owners == 0 then return nil end
    local entries = redis.call('HMGET', waiters, unpack(owners))
    for index, owner in ipairs(owners) do
      local kind, deadline_us, claim_us, weight, metadata = line_read(entries[index])
      if not kind or deadline_us < now_us then
        line_leave(line, waiters, owner)
      elseif not suits or suits(owner, claim_us, weight, metadata, entries[index]) then
        return owner, claim_us, weight, metadata
      else
        skip = skip + 1
      end
    end
    looked_at, from, to = looked_at + #owners, skip, skip + 63
  end
  return nil
end

-- Joins at the end of so many, or keeps the place and calls again. Returns the place, 0 being the head.
local function line_join(line, waiters, owner, kind, claim_us, weight, metadata, count)
  local entry = kind .. ' ' .. now_text .. ' ' .. claim_us .. ' ' .. weight .. ' ' .. metadata
  local is_new = redis.call('HSET', waiters, owner, entry) == 1
  local place = not is_new and redis.call('ZRANK', line, owner)
  if place then return place end
  local at = now_text
  if count > 0 then
    local last = tonumber(redis.call('ZREVRANGE', line, '0', '0', 'WITHSCORES')[2] or 0)
    if last >= now_us then at = string.format('%.0f', last + 1) end
  end
  redis.call('ZADD', line, at, owner)
  return count
end

-- Heartbeats come every third of the time that a waiter counts, which is 15 s at most.
local function line_keep(line, waiters)
  redis.call('PEXPIRE', line, '60000')
  redis.call('PEXPIRE', waiters, '60000')
end

-- Who stands first in the line, '' if it is not of that client or is the one to leave out.
local function line_first_of(client, line, but)
  local owners = redis.call('ZRANGE', line, '0', '1')
  local first = owners[1]
  if first == but then first = owners[2] end
  return first and string.match(first, '^(.*)%.') == client and first or ''
end
