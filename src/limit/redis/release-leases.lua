-- Gives leases up.
-- KEYS  state     as leases.lua says
-- ARGV  owner     string
-- ARGV  units     integer
-- ARGV  lease_us  integer
-- REPLY released
-- REPLY lost      they were over, or taken away
-- COST  O(units × log leases)
-- REPEAT safe
-- USE   clock
local were_held = true
for unit = 1, units do
  local member = string.format('%.0f:%s:%d', lease_us, owner, unit)
  local ends_us = tonumber(redis.call('ZSCORE', state, member) or 0)
  redis.call('ZREM', state, member)
  were_held = were_held and ends_us > now_us
end
if were_held then return { 'released' } end
return { 'lost' }
