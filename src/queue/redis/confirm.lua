-- Writes behind a batch that was added: what waits for this to be safe waits for the batch, too.
-- KEYS  producer  string 'sequence …'
-- ARGV  sequence  integer
-- REPLY written
-- REPLY unknown   this server has not seen the batch, or forgot it
-- COST  O(1)
-- REPEAT safe
local done = string.match(redis.call('GET', producer) or '', '^%d+')
if tonumber(done or 0) < sequence then return { 'unknown' } end
redis.call('PEXPIRE', producer, 600000)
return { 'written' }
