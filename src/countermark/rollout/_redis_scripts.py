"""The Lua scripts of meters. Each one touches the keys of one group, so one slot of a cluster."""

from __future__ import annotations

# A batch is written as a whole or not at all, and only once: the number of the worker's last
# batch must be the expected one. Otherwise nothing is written, and the answer shows where the
# server is: ahead if an answer was lost, behind if it has lost batches, for example because a
# replica was promoted that had not received them. The number is written again then, so that
# WAIT covers all that this worker has written.
#
# KEYS are the numbers of the worker, the evicted keys, and those of the document, which refers
# to them by their position. ARGV are the expected number, the new number, the requests up to
# it, the expiration of the number, and the document.
WRITE = """
local held = redis.call('HMGET', KEYS[1], 'number', 'requests')
local number, requests = tonumber(held[1] or '0'), tonumber(held[2] or '0')
if number ~= tonumber(ARGV[1]) then
  if held[1] then redis.call('HSET', KEYS[1], 'number', held[1]) end
  return {number, requests}
end
redis.call('HSET', KEYS[1], 'number', ARGV[2], 'requests', ARGV[3])
local batch = cjson.decode(ARGV[5])

local function keep(better, key, field, new)
  local old = redis.call('HGET', key, field)
  if not old or better(tonumber(new), tonumber(old)) then redis.call('HSET', key, field, new) end
end
local function earlier(new, old) return new < old end
local function later(new, old) return new > old end

local function count(day)
  local counts, times, marks = KEYS[day.counts], KEYS[day.times], KEYS[day.marks]
  for _, row in ipairs(day.rows) do
    local field = row[1]
    if redis.call('HLEN', counts) >= batch.most_rows and redis.call('HEXISTS', counts, field) == 0
    then field = row[2] end
    redis.call('HINCRBY', counts, field, row[3])
  end
  redis.call('HINCRBY', marks, 'requests:' .. day.day, day.requests)
  keep(earlier, times, 'first:' .. day.day, day.first)
  keep(later, times, 'last:' .. day.day, day.last)
  for _, use in ipairs(day.used) do keep(later, times, 'used:' .. use[1], use[2]) end
end

-- A claimed id that was verified before, maybe by another process, does not need room.
local function was_verified(verified, who)
  for _, key in ipairs(verified) do
    if redis.call('HEXISTS', KEYS[key], who) == 1 then return true end
  end
  return false
end
local function see(seen)
  local last, marks = KEYS[seen.last], KEYS[seen.marks]
  local known = redis.call('HLEN', last)
  if known ~= tonumber(redis.call('HGET', marks, seen.size) or '0') then
    redis.call('HSET', marks, seen.lost, '1')
  end
  local room = seen.most - known
  for _, who in ipairs(seen.who) do
    local before = redis.call('HGET', last, who)
    if not before then room = room - 1 end
    if not before and room < 0 and not was_verified(seen.verified, who) then
      redis.call('HSET', marks, seen.skipped, '1')
    elseif not before or tonumber(before) < tonumber(seen.day) then
      redis.call('HSET', last, who, seen.day)
    end
  end
  redis.call('HSET', marks, seen.size, redis.call('HLEN', last))
  if seen.distinct then
    for at = 1, #seen.who, 500 do
      redis.call('PFADD', KEYS[seen.distinct], unpack(seen.who, at, math.min(at + 499, #seen.who)))
    end
  end
end

local function lose() redis.call('HSET', KEYS[batch.lost[1]], batch.lost[2], '1') end

-- A user of Redis without the permission for INFO detects losses by the marks alone.
local function compare_evicted()
  local stats = redis.pcall('INFO', 'stats')
  local evicted = type(stats) == 'string' and stats:match('evicted_keys:(%d+)') or '0'
  if evicted ~= (redis.call('GET', KEYS[2]) or '0') then
    redis.call('SET', KEYS[2], evicted)
    if evicted ~= '0' then lose() end
  end
end

-- Redis undoes nothing if a command fails, for want of a right for example.
local written, problem = pcall(function()
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  for _, day in ipairs(batch.days) do count(day) end
  for _, seen in ipairs(batch.seen) do see(seen) end
  for _, mark in ipairs(batch.marked) do redis.call('HSET', KEYS[mark[1]], mark[2], '1') end
  compare_evicted()
  for _, pair in ipairs(batch.expires) do redis.call('EXPIRE', KEYS[pair[1]], pair[2]) end
end)
if not written then
  lose()
  return type(problem) == 'table' and problem or redis.error_reply(problem)
end
return {tonumber(ARGV[2]), tonumber(ARGV[3])}
"""

# Reads the hashes and the sizes of hashes of a group in one step. KEYS are the evicted keys, the
# hashes, whose number is ARGV[1], and those of which only the size is wanted. The first answer
# is 1 if the server has evicted keys since the last write to the group.
READ = """
local hashes, sizes = {}, {}
for at = 2, #KEYS do
  if at <= tonumber(ARGV[1]) + 1 then
    table.insert(hashes, redis.call('HGETALL', KEYS[at]))
  else
    table.insert(sizes, redis.call('HLEN', KEYS[at]))
  end
end
local stats = redis.pcall('INFO', 'stats')
local evicted = type(stats) == 'string' and stats:match('evicted_keys:(%d+)') or '0'
local known = redis.call('GET', KEYS[1]) or '0'
return {(evicted ~= '0' and evicted ~= known) and 1 or 0, hashes, sizes}
"""

# Returns the salt of all processes, and makes one if there is none.
SALT = """
redis.call('SET', KEYS[1], ARGV[1], 'NX')
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('GET', KEYS[1])
"""

# Adds labels up to the limit, which all processes share. The answer tells for each label whether
# it is a member, then follow all members if the set is full. ARGV are the limit, the
# expiration, and the labels.
AGREE = """
for at = 3, #ARGV do
  if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SADD', KEYS[1], ARGV[at]) end
end
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
local found = {}
for at = 3, #ARGV do table.insert(found, redis.call('SISMEMBER', KEYS[1], ARGV[at])) end
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[1]) then return {found, {}} end
return {found, redis.call('SMEMBERS', KEYS[1])}
"""
