import type { Redis } from 'ioredis';
import type { JobListState, JobSummary } from '../../engine/index.ts';

/** A key of BullMQ in which jobs of a state are, in one lane. */
export interface Source {
  /** Names it in a cursor. */
  readonly name: string;
  readonly level: number;
  readonly key: string;
  /** A list has its oldest job at its end. */
  readonly type: 'list' | 'set';
  readonly latestFirst?: boolean;
}

/** The score of a job in a set, and its id. */
export type Place = readonly [number, string];

/** Where each source of a list goes on. */
type Places = Readonly<Record<string, Place | undefined>>;

export interface Listed {
  readonly source: Source;
  readonly place: Place;
  readonly summary: JobSummary;
  readonly order: readonly [number, number];
}

const keys: Readonly<Record<JobListState, readonly Pick<Source, 'key' | 'type' | 'latestFirst'>[]>> = {
  // Where a queue was paused with BullMQ's own tools, some versions keep its jobs in a list of their own.
  waiting: [
    { key: 'wait', type: 'list' },
    { key: 'paused', type: 'list' },
    { key: 'prioritized', type: 'set' },
  ],
  delayed: [{ key: 'delayed', type: 'set' }],
  active: [{ key: 'active', type: 'list' }],
  completed: [{ key: 'completed', type: 'set', latestFirst: true }],
  failed: [{ key: 'failed', type: 'set', latestFirst: true }],
};

export function sourcesOf(state: JobListState, level: number): readonly Source[] {
  return keys[state].map((source) => ({ ...source, level, name: `${source.key}.${level}` }));
}

export function isPlaces(value: unknown): value is Places {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isPlace);
}

function isPlace(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'number' && typeof value[1] === 'string';
}

/** Those after a place, or the first where that has left the list: jobs leave a list at the end that is read first. */
const ofList = `local at = ARGV[1] ~= '' and redis.call('LPOS', KEYS[1], ARGV[1], 'RANK', -1)
  local count = tonumber(ARGV[2])
  if not at then return redis.call('LRANGE', KEYS[1], -count, -1) end
  if at == 0 then return {} end
  return redis.call('LRANGE', KEYS[1], math.max(0, at - count), at - 1)`;

/** The places in a source after another one, at most `limit`. */
export async function nextOf(
  redis: Redis,
  key: string,
  { type, latestFirst = false }: Source,
  after: Place | undefined,
  limit: number,
): Promise<readonly Place[]> {
  if (type === 'list') {
    const ids = (await redis.eval(ofList, 1, key, after?.[1] ?? '', limit)) as string[];
    return ids.toReversed().map((id) => [0, id]);
  }
  for (let offset = 0; ; offset += limit) {
    const from = after?.[0];
    const answer = latestFirst
      ? await redis.zrevrangebyscore(key, from ?? '+inf', '-inf', 'WITHSCORES', 'LIMIT', offset, limit)
      : await redis.zrangebyscore(key, from ?? '-inf', '+inf', 'WITHSCORES', 'LIMIT', offset, limit);
    const found = pairsOf(answer).filter((place) => after === undefined || isAfter(place, after, latestFirst));
    // Others of the same score may fill the whole answer.
    if (found.length > 0 || answer.length < 2 * limit) return found;
  }
}

function pairsOf(answer: readonly string[]): readonly Place[] {
  return answer.flatMap((id, at): Place[] => (at % 2 === 0 ? [[Number(answer[at + 1]), id]] : []));
}

/** Redis orders equal scores by the bytes of their ids. */
function isAfter([score, id]: Place, after: Place, latestFirst: boolean): boolean {
  if (score !== after[0]) return latestFirst ? score < after[0] : score > after[0];
  return latestFirst ? id < after[1] : id > after[1];
}
