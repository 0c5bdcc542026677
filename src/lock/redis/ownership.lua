-- What it means to own a lock, to wait for one, and to hand one over.
-- BRINGS own own_with extend be_busy begin_draining hand_over first_of

-- Who stands first in the line, '' if it is not of that client or is the one to leave out.
local function first_of(client, line, but)
  local owners = redis.call('ZRANGE', line, 0, 1)
  local first = owners[1]
  if first == but then first = owners[2] end
  return first and string.match(first, '^(.*)%.') == client and first or ''
end

local least_fence = string.format('%016.0f', math.max(now_us, floor + 1))

local function next_fence(state)
  local stored = state and string.sub(state, 21, 36) or NOTHING
  if stored < least_fence then return least_fence end
  return string.format('%016.0f', tonumber(stored) + 2)
end

local function own_with(lock, state, owner, fence, lease_us, metadata, passes)
  local busy = state and string.sub(state, 4, 19) or NOTHING
  redis.call('SET', lock, 'H' .. passes .. ' ' .. busy .. ' ' .. fence .. ' ' .. now_text .. ' '
    .. until_text(lease_us) .. ' ' .. owner .. ' ' .. releaser_of(state) .. ' ' .. metadata,
    'PX', math.ceil(lease_us / 1000) + FENCE_IDLE_MS)
  return fence
end

local function own(lock, state, owner, lease_us, metadata, passes)
  return own_with(lock, state, owner, next_fence(state), lease_us, metadata, passes)
end

local function extend(lock, state, lease_us)
  redis.call('PEXPIRE', lock, math.ceil(lease_us / 1000) + FENCE_IDLE_MS)
  redis.call('SETRANGE', lock, 54, until_text(lease_us))
  return string.sub(state, 21, 36)
end

-- From now on everybody has to look whether somebody waits. Returns the state with that in it.
local function be_busy(lock, state, for_us)
  local busy = until_text(for_us)
  if not state then
    state = 'F0 ' .. busy .. ' ' .. NOTHING .. ' ' .. NOTHING .. ' ' .. NOTHING .. ' - - '
    redis.call('SET', lock, state, 'PX', FENCE_IDLE_MS)
  elseif string.sub(state, 4, 19) < busy then
    redis.call('SETRANGE', lock, 3, busy)
    state = string.sub(state, 1, 3) .. busy .. string.sub(state, 20)
  end
  return state
end

-- A full server refuses a call whose first write may need memory. This one needs none, so that all
-- writes after it are served.
local is_draining = false
local function begin_draining(lock)
  if is_draining then return end
  is_draining = true
  redis.call('PEXPIRE', lock, FENCE_IDLE_MS)
end

-- Gives a free lock to the first waiter whose client listens, for its claim lease. A waiter whose
-- client does not listen is passed over and keeps its place; where listeners cannot be counted, the
-- deadline of its last heartbeat has to do. Where order does not matter, a waiter of the client that
-- gives it up comes first, at most 15 times in a row. Returns owner and fence, or ''.
local function hand_over(lock, state, line, waiters, fair, topic)
  local fence = next_fence(state)
  local passes = tonumber(string.sub(state, 2, 2), 16)
  local deaf, calls = {}, 0
  local function hears(owner)
    local client = string.match(owner, '^(.*)%.') or owner
    if client == self then return true end
    if deaf[client] or calls == 16 then return false end
    calls = calls + 1
    if redis.call('PUBLISH', inbox .. client, topic .. ' ' .. fence .. ' ' .. owner .. ' ' .. first_of(client, line, owner)) >= counted then
      return true
    end
    deaf[client] = true
    return false
  end
  local owner, claim_us, _, metadata
  if fair == 0 and passes < 15 then
    local function is_near(candidate) return string.match(candidate, '^(.*)%.') == self end
    owner, claim_us, _, metadata = line_find(line, waiters, is_near, 16)
    passes = passes + 1
  end
  if not owner then
    owner, claim_us, _, metadata = line_find(line, waiters, hears)
    passes = 0
  end
  if not owner then return '', 0, '' end
  own(lock, state, owner, claim_us, metadata, string.format('%x', passes))
  line_leave(line, waiters, owner)
  local client = string.match(owner, '^(.*)%.') or owner
  if client ~= self then return '', fence, '' end
  return owner, fence, first_of(self, line)
end
