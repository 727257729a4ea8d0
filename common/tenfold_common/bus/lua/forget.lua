-- Drop the done markers and lapsed leases of an ended study.
-- What is still held becomes revoked, so that its worker stops instead of setting the lease again;
-- revoked markers stay until they expire, so that a message still queued wakes nobody.
-- KEYS: index of the study's leases
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for _, lease in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local held = redis.call('HMGET', lease, 'state', 'until_ms')
  if held[1] == 'held' and tonumber(held[2]) > now_ms then
    redis.call('HSET', lease, 'state', 'revoked', 'worker', '', 'token', '', 'until_ms', '0')
  elseif held[1] ~= 'revoked' then
    redis.call('DEL', lease)
    redis.call('SREM', KEYS[1], lease)
  end
end
return 1
