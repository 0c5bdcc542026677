-- Forgets what was taken.
-- KEYS  state    of any rule
-- REPLY reset
-- COST  O(1), the server frees long logs in the background
-- REPEAT safe
redis.call('UNLINK', state)
return { 'reset' }
