-- Reads a latch.
-- KEYS  latch    hash, see latch.lua
-- KEYS  arrived  set of ids
-- REPLY view     count:integer left:integer opened_us:integer
-- REPLY unknown
-- COST  O(1)
-- REPEAT safe
-- USE   clock lock/latch
local count, opened_us = latch_read(latch, arrived)
if not count then return { 'unknown' } end
if opened_us > 0 then return { 'view', count, 0, opened_us } end
return { 'view', count, count - redis.call('SCARD', arrived), 0 }
