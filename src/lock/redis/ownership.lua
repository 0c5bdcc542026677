-- What it means to own a lock, and to wait for one.
-- BRINGS next_fence own extend be_busy keep_busy begin_draining

local DAY_US = 86400000000

-- The number after the stored one is reserved.
local function next_fence(state)
  local least = tonumber(string.sub(state, 21, 36)) + 2
  if least <= now_us and floor < now_us then return now_text end
  return digits_of(math.max(now_us, floor + 1, least))
end

local function own(lock, state, fence, owner, lease_us, metadata, passes)
  redis.call('SET', lock, 'H' .. passes .. string.sub(state, 3, 20) .. fence .. ' ' .. now_text .. ' '
    .. until_text(lease_us) .. ' ' .. owner .. ' ' .. releaser_of(state) .. ' ' .. metadata,
    'PX', keep_ms(lease_us))
end

local function extend(lock, state, lease_us)
  local is_fresh = string.byte(state) == 78
  -- Who holds for so long keeps its fence by itself: the shared one may be forgotten by its release.
  if is_fresh and now_us - string.sub(state, 38, 53) > DAY_US then is_fresh = false end
  redis.call('PEXPIRE', lock, keep_ms(lease_us, is_fresh))
  redis.call('SETRANGE', lock, '37', string.sub(state, 38, 54) .. until_text(lease_us))
  if not is_fresh and string.byte(state) == 78 then redis.call('SETRANGE', lock, '0', 'H') end
  return string.sub(state, 21, 36)
end

-- From now on everybody has to look whether somebody waits. Returns the state with that in it.
local function be_busy(lock, state, for_us, is_blank)
  local busy = digits_of(now_us + for_us)
  local letter = string.sub(state, 1, 1)
  if not is_blank and letter ~= 'N' then
    if string.sub(state, 4, 19) >= busy then return state end
    redis.call('SETRANGE', lock, '3', busy)
    return string.sub(state, 1, 3) .. busy .. string.sub(state, 20)
  end
  -- The key of N would go with its lease.
  if letter == 'N' then letter = 'H' end
  state = letter .. string.sub(state, 2, 3) .. busy .. string.sub(state, 20)
  local left_us = tonumber(string.sub(state, 55, 70)) - now_us
  redis.call('SET', lock, state, 'PX', keep_ms(math.max(0, left_us)))
  return state
end

-- Somebody has joined a line of so many, or called again. Busy for a third longer than that one counts:
-- then the next call moves it again that comes a third of that later, not every one.
local function keep_busy(lock, state, line, waiters, counts_us, count, is_blank)
  if count > 0 and string.sub(state, 4, 19) >= until_text(counts_us) then return end
  be_busy(lock, state, counts_us * 4 / 3, is_blank)
  line_keep(line, waiters)
end

-- A full server refuses a call whose first write may need memory. This one needs none, so that all
-- writes after it are served.
local function begin_draining(lock)
  redis.call('PEXPIRE', lock, '86400000')
end
