-- What it means to own a lock: the hash {owner, fence, since_us, expires_us}. Expiry is the field;
-- the key's TTL only collects garbage, and keeps the fence for a day after the last use.
-- BRINGS own hand_over

local FENCE_IDLE_MS = 86400000

local function own(lock, owner, stored_fence, floor, lease_us)
  local fence = math.max(tonumber(stored_fence or 0) + 1, floor + 1, now_us)
  redis.call('HSET', lock, 'owner', owner, 'fence', fence, 'since_us', now_us,
    'expires_us', now_us + lease_us)
  redis.call('PEXPIRE', lock, math.ceil(lease_us / 1000) + FENCE_IDLE_MS)
  return fence
end

-- Gives a free lock to the first waiter whose client listens, for its claim lease. A waiter whose
-- client does not listen is passed over and keeps its place; where listeners cannot be counted, the
-- deadline of its last heartbeat has to do. Returns owner and fence, or ''.
local function hand_over(lock, line, waiters, stored_fence, floor, self, inbox, counted)
  for skip = 0, 15 do
    local owner, claim_us = line_first(line, waiters, skip)
    if not owner then return '', 0 end
    local fence = math.max(tonumber(stored_fence or 0) + 1, floor + 1, now_us)
    local client = string.match(owner, '^(.*)%.') or owner
    local message = string.format('lock %.0f %s', fence, owner)
    local heard = client == self or redis.call('PUBLISH', inbox .. client, message) >= counted
    if heard then
      own(lock, owner, stored_fence, floor, claim_us)
      line_leave(line, waiters, owner)
      return client == self and owner or '', fence
    end
  end
  return '', 0
end
