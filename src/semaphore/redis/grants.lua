-- Who waits is let in: the whole run at the head of the line that there is room for.
-- BRINGS let_in line_asks

-- What a waiter says besides its weight, as the line keeps it: whether it wants to be alone, and metadata.
local function line_asks(asks)
  local solo, metadata = string.match(asks, '^([01]) (.*)$')
  return tonumber(solo or 0), metadata or ''
end

-- Each is given what it waits for, for its claim lease; who holds already keeps a lease that is
-- longer. A waiter of this client is told by the reply, another by a message. Whose client does not
-- listen is passed over and keeps its place; where listeners cannot be counted, the deadline of the
-- last heartbeat has to do. It stops at `caller`. Answers true if it is the caller's turn, and second whether
-- it is anybody's: nobody is left in the line who listens.
local function let_in(at, topic, caller)
  if at.waiter_count == 0 then return false, true end
  local line, waiters = at.line, at.waiters
  local taken, deaf, is_turn = {}, {}, false

  local function hears(owner)
    local client = string.match(owner, '^(.*)%.') or owner
    if deaf[client] then return false end
    local fence = next_fence(at)
    if client == self then
      at.granted[#at.granted + 1], at.fences[#at.fences + 1] = owner, fence
      return true
    end
    local message = string.format('%s %.0f %s', topic, fence, owner)
    deaf[client] = redis.call('PUBLISH', inbox .. client, message) < counted
    return not deaf[client]
  end

  local stopped = line_find(line, waiters, function(owner, claim_us, weight, asks)
    local solo, metadata = line_asks(asks)
    local before = hold_of(at, owner)
    if not hold_fits(at, owner, weight, solo, before) then return true end
    if owner == caller then
      is_turn = true
      return true
    end
    if #taken == 0 then begin_draining(at) end
    if hears(owner) then
      lease_set(at, owner, claim_us, 'GT')
      hold_take(at, owner, weight, solo, metadata, before)
      taken[#taken + 1] = owner
    end
    return false
  end)
  if #taken > 0 then
    redis.call('ZREM', line, unpack(taken))
    redis.call('HDEL', waiters, unpack(taken))
  end
  return is_turn, not stopped and at.waiter_count <= 1024
end
