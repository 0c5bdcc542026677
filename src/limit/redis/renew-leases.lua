-- Gives leases as long again from now on.
-- KEYS  state     as leases.lua says
-- ARGV  owner     string
-- ARGV  units     integer
-- ARGV  lease_us  integer
-- REPLY renewed
-- REPLY lost
-- COST  O(units × log leases)
-- REPEAT safe
-- USE   clock limit/until
local held = {}
for unit = 1, units do
  held[unit] = string.format('%.0f:%s:%d', lease_us, owner, unit)
  local ends_us = tonumber(redis.call('ZSCORE', state, held[unit]) or 0)
  if ends_us <= now_us then return { 'lost' } end
  note_ahead(ends_us - now_us - lease_us)
end
for unit = 1, units do
  redis.call('ZADD', state, 'XX', string.format('%.0f', now_us + lease_us), held[unit])
end
local last_us = tonumber(redis.call('ZRANGE', state, -1, -1, 'WITHSCORES')[2])
redis.call('PEXPIREAT', state, until_ms(math.max(lease_us, last_us - now_us)))
return { 'renewed' }
