import { createHash } from 'node:crypto';

/** A script, which works on one key, as a cluster needs it. Milliseconds are counted by the clock of Redis. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

function script(body: string): Script {
  const text = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
${body}`;
  return { text, digest: createHash('sha1').update(text).digest('hex') };
}

/** Arguments: a stamp for a tag that has none, how long it is kept. Gives the stamp, and 1 while a transaction commits. */
export const tagScript: Script = script(`
local fields = redis.call('HGETALL', KEYS[1])
local stamp, locked = false, 0
for index = 1, #fields, 2 do
  if fields[index] == 'stamp' then
    stamp = fields[index + 1]
  elseif tonumber(fields[index + 1]) > now then
    locked = 1
  else
    redis.call('HDEL', KEYS[1], fields[index])
  end
end
if not stamp then
  stamp = ARGV[1]
  redis.call('HSET', KEYS[1], 'stamp', stamp)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { stamp, locked }`);

/** Arguments: the transaction, its stamp, how long it is locked, how long the tag is kept. */
export const prepareScript: Script = script(`
redis.call('HSET', KEYS[1], 'stamp', ARGV[2], 'lock:' .. ARGV[1], now + tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])`);

/** Arguments: the transaction, a stamp for a tag whose lock was lost. */
export const releaseScript: Script = script(`
local field = 'lock:' .. ARGV[1]
local deadline = redis.call('HGET', KEYS[1], field)
redis.call('HDEL', KEYS[1], field)
if not deadline or tonumber(deadline) <= now then
  redis.call('HSET', KEYS[1], 'stamp', ARGV[2])
end`);

/**
 * Arguments: the run of the server, how long a lock may last. Gives how long it is until no lock can be left of which a
 * server that was started anew knows nothing.
 */
export const epochScript: Script = script(`
local known = redis.call('HMGET', KEYS[1], 'run', 'until')
if known[1] ~= ARGV[1] then
  known[2] = now + tonumber(ARGV[2])
  redis.call('HSET', KEYS[1], 'run', ARGV[1], 'until', known[2])
end
return math.max(0, tonumber(known[2]) - now)`);
