-- Reads dead letters, the oldest first.
-- KEYS  dead   list of 'died_us reason_length reason body'
-- ARGV  limit  integer
-- REPLY letters  letters:strings
-- COST  O(limit)
-- REPEAT safe
return { 'letters', redis.call('LRANGE', dead, 0, limit - 1) }
