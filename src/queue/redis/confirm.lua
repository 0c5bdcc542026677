-- Writes behind batches that were added: what waits for this to be safe waits for them, too.
-- KEYS  producer  string 'sequence unbroken_from …'
-- ARGV  first     integer
-- ARGV  sequence  integer  the last of them
-- REPLY written
-- REPLY unknown   this server has not seen one of them, or forgot it
-- That it has a later one proves nothing: it may have taken over without those in front.
-- COST  O(1)
-- REPEAT safe
local done, unbroken_from = string.match(redis.call('GET', producer) or '', '^(%d+) (%d+)')
if not done or tonumber(done) < sequence or tonumber(unbroken_from) > first then return { 'unknown' } end
redis.call('PEXPIRE', producer, 600000)
return { 'written' }
