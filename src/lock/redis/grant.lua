-- How a free lock is handed over to one who waits for it.
-- BRINGS hand_over

-- Gives a free lock to the first waiter whose client listens, for its claim lease. A waiter whose
-- client does not listen is passed over and keeps its place; where listeners cannot be counted, the
-- deadline of its last heartbeat has to do. Where order does not matter, a waiter of the client that
-- gives it up comes first, at most 15 times in a row. Returns owner and fence; nothing if nobody got
-- it. The first write needs no memory, and nobody is told before it.
local function hand_over(lock, state, line, waiters, fair, topic)
  local fence = next_fence(state)
  local passes = string.sub(state, 2, 2)
  local deaf, calls, is_out = nil, 0, false
  local function hears(owner, _, _, _, entry)
    local client = string.match(owner, '^(.*)%.') or owner
    if client == self then return true end
    if deaf and deaf[client] or calls == 16 then return false end
    calls = calls + 1
    redis.call('HDEL', waiters, owner)
    local grant = topic .. ' ' .. fence .. ' ' .. owner .. ' ' .. line_first_of(client, line, owner)
    if redis.call('PUBLISH', inbox .. client, grant) >= counted then
      is_out = true
      return true
    end
    redis.call('HSET', waiters, owner, entry)
    -- Of the only one the hash went with the entry, and its TTL with the hash.
    line_keep(line, waiters)
    deaf = deaf or {}
    deaf[client] = true
    return false
  end
  local owner, claim_us, _, metadata
  if fair == '0' and passes ~= 'f' then
    local function is_near(candidate) return string.match(candidate, '^(.*)%.') == self end
    owner, claim_us, _, metadata = line_find(line, waiters, is_near, 16)
    passes = string.format('%x', tonumber(passes, 16) + 1)
  end
  if not owner then
    owner, claim_us, _, metadata = line_find(line, waiters, hears)
    passes = '0'
  end
  if not owner then return nil end
  if not is_out then redis.call('HDEL', waiters, owner) end
  redis.call('ZREM', line, owner)
  own(lock, state, fence, owner, claim_us, metadata, passes)
  local client = string.match(owner, '^(.*)%.') or owner
  if client ~= self then return '', fence, '' end
  return owner, fence, line_first_of(self, line)
end
