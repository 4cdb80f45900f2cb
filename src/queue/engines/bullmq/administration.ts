import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  discarded,
  type FoundJob,
  type JobAdministration,
  type JobCounts,
  type JobListState,
  type JobPage,
  type JobPageRequest,
  type JobReference,
  readCursor,
  writeCursor,
} from '../../engine/index.ts';
import type { Channels } from './channels.ts';
import { isPlaces, type Listed, nextOf, type Source, sourcesOf } from './lists.ts';
import { outcomeOf, readFields, replyToOf, type Standing, storedFields, summaryOf } from './stored-fields.ts';
import { type BullJobData, physicalName } from './stored-job.ts';

export interface BullAdministrationSettings {
  readonly redis: Redis;
  readonly channels: Channels;
  readonly queueOf: (physicalName: string) => Queue<BullJobData>;
}

/** A job, and the queue of BullMQ that has it. */
interface Found extends FoundJob {
  readonly queue: Queue<BullJobData>;
  readonly replyTo: string | undefined;
}

/** How often a change is tried on a job that others change at the same time. */
const mostTries = 5;

/** The jobs of BullMQ, for administrators. */
export class BullAdministration implements JobAdministration {
  readonly #settings: BullAdministrationSettings;

  constructor(settings: BullAdministrationSettings) {
    this.#settings = settings;
  }

  async counts(queue: string): Promise<JobCounts> {
    const counts = { waiting: 0, delayed: 0, active: 0, completed: 0, failed: 0 };
    const { redis } = this.#settings;
    const ofLevel = async ({ level }: JobReference): Promise<void> => {
      const physical = this.#queueOf({ queue, level });
      for (const state of Object.keys(counts) as JobListState[]) {
        const sizes = sourcesOf(state, level).map(({ key, type }) =>
          type === 'list' ? redis.llen(physical.toKey(key)) : redis.zcard(physical.toKey(key)),
        );
        for (const size of await Promise.all(sizes)) counts[state] += size;
      }
    };
    await Promise.all((await this.#lanes(queue)).map(ofLevel));
    return counts;
  }

  /** Each source of the list goes on where the page before has left it. */
  async list(queue: string, { state, limit, cursor }: JobPageRequest): Promise<JobPage> {
    const places = { ...readCursor(cursor, isPlaces) };
    const sources = (await this.#lanes(queue)).flatMap(({ level }) => sourcesOf(state, level));
    const heads = await Promise.all(
      sources.map((source) => this.#read(queue, state, source, places[source.name], limit + 1)),
    );
    const jobs: Listed['summary'][] = [];
    while (jobs.length < limit) {
      const [first] = heads
        .filter(({ length }) => length > 0)
        .toSorted(([one], [other]) => compare(one?.order, other?.order));
      const next = first?.shift();
      if (next === undefined) break;
      jobs.push(next.summary);
      places[next.source.name] = next.place;
    }
    const hasMore = heads.some(({ length }) => length > 0);
    return { jobs, cursor: hasMore ? writeCursor(places) : undefined };
  }

  async find(queue: string, id: string, withPayload: boolean): Promise<FoundJob | undefined> {
    const found = await this.#find(queue, id, withPayload);
    if (found === undefined) return undefined;
    const { summary, envelope, outcome } = found;
    return withPayload ? { summary, envelope, outcome } : { summary };
  }

  async retry(queue: string, id: string): Promise<JobListState | undefined> {
    return await this.#change(queue, id, async (found) => {
      const { state } = found.summary;
      if (state !== 'failed') return state;
      const job = await found.queue.getJob(id);
      if (job === undefined) return undefined;
      await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
      this.#settings.channels.announce(found.summary);
      return state;
    });
  }

  async discard(queue: string, id: string): Promise<JobListState | undefined> {
    const { redis, channels } = this.#settings;
    return await this.#change(queue, id, async (found, isLast) => {
      const { state } = found.summary;
      // One without a lock was lost with its worker.
      if (state === 'active' && (await redis.exists(`${found.queue.toKey(id)}:lock`)) === 1) return state;
      // What is taken from its place no worker takes.
      const isTaken = state === 'active' || (await this.#take(found.queue, id, state));
      if (!(isTaken || isLast) || (await found.queue.remove(id)) !== 1) throw new Error(`The job ${id} has moved`);
      const hasEnded = state === 'completed' || state === 'failed';
      if (found.replyTo !== undefined && !hasEnded)
        channels.send(channels.repliesTo(found.replyTo), { type: 'settled', id, outcome: discarded });
      return state === 'active' ? 'waiting' : state;
    });
  }

  /** @returns whether the job was in a place of this state */
  async #take(queue: Queue<BullJobData>, id: string, state: JobListState): Promise<boolean> {
    const { redis } = this.#settings;
    const removed = await Promise.all(
      sourcesOf(state, 0).map(({ key, type }) =>
        type === 'list' ? redis.lrem(queue.toKey(key), 0, id) : redis.zrem(queue.toKey(key), id),
      ),
    );
    return removed.some((count) => count > 0);
  }

  /** What failed because the job has moved is tried again. */
  async #change(
    queue: string,
    id: string,
    change: (found: Found, isLast: boolean) => Promise<JobListState | undefined>,
  ): Promise<JobListState | undefined> {
    for (let tries = 1; ; tries += 1) {
      const found = await this.#find(queue, id, true);
      if (found === undefined) return undefined;
      try {
        return await change(found, tries === mostTries);
      } catch (error) {
        if (tries === mostTries) throw error;
      }
    }
  }

  async #find(queue: string, id: string, withPayload: boolean): Promise<Found | undefined> {
    const found = await Promise.all(
      (await this.#lanes(queue)).map(async ({ level }): Promise<Found | undefined> => {
        const physical = this.#queueOf({ queue, level });
        const [standing, values] = await Promise.all([
          this.#standingOf(physical, id),
          this.#settings.redis.hmget(physical.toKey(id), ...storedFields(withPayload)),
        ]);
        const fields = readFields(withPayload, values);
        if (fields === undefined) return undefined;
        const summary = summaryOf(fields, { id, queue, level }, standing);
        return {
          summary,
          queue: physical,
          replyTo: replyToOf(fields),
          ...(withPayload ? { envelope: fields.data?.envelope, outcome: outcomeOf(fields, standing.state) } : {}),
        };
      }),
    );
    return found.find((one) => one !== undefined);
  }

  /** Sent at once, and answered as of one moment. */
  async #standingOf(queue: Queue<BullJobData>, id: string): Promise<Standing> {
    const answers = await this.#settings.redis
      .multi()
      .zscore(queue.toKey('completed'), id)
      .zscore(queue.toKey('failed'), id)
      .zscore(queue.toKey('delayed'), id)
      .lpos(queue.toKey('active'), id)
      .exec();
    const [completed, failed, delayed, active] = (answers ?? []).map(([, answer]) => answer ?? undefined);
    if (completed !== undefined) return { state: 'completed' };
    if (failed !== undefined) return { state: 'failed' };
    if (delayed !== undefined) return { state: 'delayed', score: Number(delayed) };
    return { state: active === undefined ? 'waiting' : 'active' };
  }

  async #read(
    queue: string,
    state: JobListState,
    source: Source,
    after: readonly [number, string] | undefined,
    limit: number,
  ): Promise<Listed[]> {
    const { redis } = this.#settings;
    const physical = this.#queueOf({ queue, level: source.level });
    const places = await nextOf(redis, physical.toKey(source.key), source, after, limit);
    const fields = await Promise.all(places.map(([, id]) => redis.hmget(physical.toKey(id), ...storedFields(false))));
    return places.flatMap((place, at): Listed[] => {
      const read = readFields(false, fields[at] ?? []);
      if (read === undefined) return [];
      const summary = summaryOf(read, { id: place[1], queue, level: source.level }, { state, score: place[0] });
      return [{ source, place, summary, order: orderOf(state, place, summary) }];
    });
  }

  async #lanes(queue: string): Promise<readonly JobReference[]> {
    const levels = await this.#settings.channels.levelsOf(queue);
    return levels.toSorted((one, other) => one - other).map((level) => ({ id: '', queue, level }));
  }

  #queueOf(lane: Pick<JobReference, 'queue' | 'level'>): Queue<BullJobData> {
    return this.#settings.queueOf(physicalName(lane));
  }
}

/** By what jobs of several sources are ordered; within a source they are in its order. */
function orderOf(
  state: JobListState,
  [score]: readonly [number, string],
  { priority, addedAt, startedAt }: Listed['summary'],
): Listed['order'] {
  switch (state) {
    case 'waiting':
      return [priority, addedAt.getTime()];
    case 'active':
      return [0, startedAt?.getTime() ?? 0];
    case 'delayed':
      return [0, score];
    case 'completed':
    case 'failed':
      return [0, -score];
  }
}

function compare(one: Listed['order'] = [0, 0], other: Listed['order'] = [0, 0]): number {
  return one[0] - other[0] || one[1] - other[1];
}
