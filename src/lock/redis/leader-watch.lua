-- Reads who leads, and has this client told of changes.
-- KEYS  lock      string, see state.lua
-- KEYS  watchers  zset client -> deadline_us
-- REPLY leader  owner:string since_us:integer remaining_us:integer fence:integer metadata:string
-- REPLY nobody
-- COST  O(log watchers)
-- REPEAT safe
-- USE   clock facts engine/digits lock/state lock/watchers
local state = lock_read(lock)
watch(watchers)
local owner, since_us, remaining_us = holder_of(state)
if owner == '' then return { 'nobody' } end
local fence, metadata = tonumber(string.sub(state, 21, 36)), string.match(state, '^%S+ %S+ (.*)$', 72)
return { 'leader', owner, since_us, remaining_us, fence, metadata }
