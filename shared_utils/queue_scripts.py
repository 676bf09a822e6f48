"""What must happen as a whole inside Redis, in Lua. Each script says which keys and arguments it takes.

A task leaves its list of work only together with arriving where it goes next, so that no kill of a worker and no lost
connection can fall between the two. `LREM … == 0` means: this worker was taken for dead and its task given to another.
"""

# KEYS waiting, seen guard; ARGV payload, seconds the guard lives
PUSH = """
if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[1])
return 1
"""

# KEYS waiting, workers, dead; ARGV prefix of the lists of work. All in one moment: no task is seen twice or missed.
DEPTH = """
local in_work = 0
for _, worker in ipairs(redis.call('SMEMBERS', KEYS[2])) do
    in_work = in_work + redis.call('LLEN', ARGV[1] .. worker)
end
return {redis.call('LLEN', KEYS[1]), in_work, redis.call('LLEN', KEYS[3])}
"""

# KEYS work, attempts; ARGV payload, task id. A task that is no longer ours is not counted: whoever has settled it has
# deleted its count, and nobody would delete a new one.
COUNT = """
if redis.call('LINDEX', KEYS[1], 0) ~= ARGV[1] then return 0 end
return redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
"""

# KEYS work, attempts; ARGV payload, task id
SETTLE = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[2])
return 1
"""

# KEYS work, waiting; ARGV payload. The attempt stays counted; the task goes to the tail.
RETRY = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
"""

# KEYS work, waiting, attempts; ARGV payload, task id. The attempt is taken back; the task goes to the tail.
POSTPONE = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
if redis.call('HINCRBY', KEYS[3], ARGV[2], -1) <= 0 then redis.call('HDEL', KEYS[3], ARGV[2]) end
return 1
"""

# KEYS work, dead, attempts; ARGV payload, dead letter, task id ('' for a payload that is no task)
BURY = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[3])
return 1
"""

# KEYS lease, work, waiting, workers; ARGV worker. Looks at the lease once more: the worker may have come back.
# What it had in work has waited longest and is next in turn. -1: it lives.
REAP = """
if redis.call('EXISTS', KEYS[1]) == 1 then return -1 end
local count = redis.call('LLEN', KEYS[2])
for _ = 1, count do redis.call('LMOVE', KEYS[2], KEYS[3], 'LEFT', 'RIGHT') end
redis.call('SREM', KEYS[4], ARGV[1])
return count
"""

# The same keys and argument. A worker that leaves gives back a task whose arrival it never noticed.
LEAVE = """
redis.call('DEL', KEYS[1])
local count = redis.call('LLEN', KEYS[2])
for _ = 1, count do redis.call('LMOVE', KEYS[2], KEYS[3], 'LEFT', 'RIGHT') end
redis.call('SREM', KEYS[4], ARGV[1])
return count
"""

# KEYS dead, waiting, attempts; ARGV dead letter, payload, task id
REPLAY = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('LPUSH', KEYS[2], ARGV[2])
return 1
"""

# KEYS dead, seen guard; ARGV dead letter. The id may be pushed again: nothing of the task is left.
DROP = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('DEL', KEYS[2])
return 1
"""
