-- The state of a latch.
--   latch    hash  count, opened_us (0: it has not opened), until_us
--   arrived  set   the ids that count, until it opens
-- Whether it is over is said by until_us; the TTL of the keys only collects garbage.
-- BRINGS latch_read latch_use

-- Returns count, opened_us and until_us; nothing if there is no such latch any more.
local function latch_read(latch, arrived)
  local fields = redis.call('HMGET', latch, 'count', 'opened_us', 'until_us')
  redis.call('SCARD', arrived)
  local count, opened_us, until_us = tonumber(fields[1]), tonumber(fields[2]), tonumber(fields[3])
  if count and opened_us and until_us then
    if until_us <= now_us then return nil end
    return count, opened_us, until_us
  end
  if redis.call('EXISTS', latch) == 1 then error({ err = 'WRONGTYPE not the state of a latch' }) end
  return nil
end

-- Keeps it for so long from now on, or begins it. Returns the count that was agreed on, opened_us,
-- and how long it lives; the count alone if it is another one. A full server refuses a new latch and
-- serves those that are there: to keep one needs no memory.
local function latch_use(latch, arrived, count, keep_us)
  local agreed, opened_us, until_us = latch_read(latch, arrived)
  if agreed and agreed ~= count then return agreed end
  local lives_us = math.max((until_us or 0) - now_us, keep_us)
  local ttl_ms = math.ceil(lives_us / 1000)
  if agreed then redis.call('PEXPIRE', latch, ttl_ms) end
  redis.call('HSET', latch, 'count', count, 'opened_us', string.format('%.0f', opened_us or 0),
    'until_us', string.format('%.0f', now_us + lives_us))
  redis.call('PEXPIRE', latch, ttl_ms)
  if not agreed then redis.call('DEL', arrived) end
  redis.call('PEXPIRE', arrived, ttl_ms)
  return count, opened_us or 0, ttl_ms
end
