-- Remember a worker until its next heartbeat is overdue, with the server's time: clocks of machines differ.
-- KEYS: worker, index of workers
-- ARGV: worker's id, record, time to live in ms
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'seen_ms', string.format('%.0f', time[1] * 1000 + time[2] / 1000))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
