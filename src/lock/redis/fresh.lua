-- The fences of locks that leave nothing behind. The key of such a lock goes with its lease, so that
-- the highest of all their fences is kept in one key, for a day longer than the longest lease.
--   shared_fence  string  16 digits, and the number after it is reserved
-- All items of a call get the same number: they are of different names, or a name gets a higher one
-- where its state says so.
-- BRINGS raise_fence taken_now fresh_fence fresh_head fresh_ms prepare_fresh blank_state

local function raise_fence(shared_fence, text)
  return redis.call('SET', shared_fence, text, 'PX', '172800000', 'GET')
end

-- Taken by an item of this call. Before version 7.2 such a key counts as gone at once where the clock is
-- set back by more than the lease while the script runs: then another item would get the lock too.
local taken_now = {}

local fresh_fence, fresh_head, fresh_ms
-- What a state begins with, up to the owner, and what its key lives: the same for all of a call.
-- The fence is written before any lock is: where the server takes no writes, this one is refused.
local function prepare_fresh(shared_fence, lease_us, lease_ms)
  if not fresh_fence then
    local least, text = now_us, now_text
    if floor >= least then
      least = floor + 1
      text = digits_of(least)
    end
    local highest = tonumber(raise_fence(shared_fence, text) or 0) or 0
    if highest + 2 > least then
      text = digits_of(highest + 2)
      raise_fence(shared_fence, text)
    end
    fresh_fence = text
  end
  if said_now == '' then
    -- To print when the lease is over costs 10 us alone in flight: that is left to the key, see state.lua.
    fresh_head = 'N0 0000000000000000 ' .. fresh_fence .. ' ' .. lease_us .. ' 9999999999999999 '
    fresh_ms = lease_ms
  else
    fresh_head = 'N0 0000000000000000 ' .. fresh_fence .. ' ' .. now_text .. ' '
      .. digits_of(now_us + lease_us) .. ' '
    fresh_ms = keep_ms(lease_us)
  end
end

-- The state of a lock without one: it may have had any of those fences.
local blank_last
local function blank_state(shared_fence)
  if not blank_last then
    local highest = digits_of(tonumber(redis.call('GET', shared_fence) or 0) or 0)
    blank_last = 'F0 ' .. NOTHING .. ' ' .. highest .. ' ' .. NOTHING .. ' ' .. NOTHING .. ' - - '
  end
  return blank_last
end
