-- Make the holder of an attempt stop at its next renewal, and nobody claim it any more.
-- KEYS: lease, index of the study's leases
-- ARGV: attempt, memory in ms
local held = redis.call('HMGET', KEYS[1], 'attempt', 'state')
if held[1] then
  local newer = tonumber(held[1]) > tonumber(ARGV[1])
  if newer or (held[1] == ARGV[1] and held[2] == 'done') then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'attempt', ARGV[1], 'state', 'revoked', 'worker', '', 'token', '', 'until_ms', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SADD', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
