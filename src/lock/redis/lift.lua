-- How a lock comes to have a higher fence than it was given.
-- BRINGS lift_fence

local function lift_fence(lock, state, shared_fence, fence)
  -- Of a lock that leaves nothing behind, the shared one is what remembers.
  if fence > (tonumber(redis.call('GET', shared_fence) or 0) or 0) then
    raise_fence(shared_fence, digits_of(fence))
  end
  if fence > tonumber(string.sub(state, 21, 36)) then
    redis.call('SETRANGE', lock, '20', digits_of(fence))
  end
end
