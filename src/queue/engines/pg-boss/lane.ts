import type { JobWithMetadata, PgBoss } from 'pg-boss';
import { type CancelTimer, systemClock } from '../../../core/index.ts';
import {
  type Backoff,
  type Delivery,
  type EngineLane,
  type JobOutcome,
  type LaneOptions,
  pauseBefore,
  type RemoteFailure,
  type Settlement,
  type SqlExecutor,
} from '../../engine/index.ts';
import type { BossConnections } from './connections.ts';
import { type BossJobData, type BossOutput, pack, readJob } from './stored-job.ts';
import type { Notice } from './notices.ts';

export interface BossLaneSettings extends LaneOptions {
  readonly boss: PgBoss;
  /** For statements of its jobs, outside of their transactions. */
  readonly db: BossConnections['forJobs'];
  readonly schema: string;
  readonly physicalQueue: string;
  readonly pollInterval: number;
  /** Milliseconds between two signs of life for a job that runs. */
  readonly heartbeat: number;
  /** Notifies the process that waits for a job. */
  readonly notify: (replyTo: string, notice: Notice) => void;
  readonly onError: (what: string, error: unknown) => void;
  readonly onClose: () => void;
}

/** A claim is one attempt of a job: what another attempt has taken over is not touched. */
interface Claim {
  readonly id: string;
  readonly retryCount: number;
}

/** What else is needed to say how a job ended. */
interface Settling {
  readonly failures: number;
  readonly backoff: Backoff;
  readonly tell: (notice: Notice) => void;
}

/**
 * Fetches jobs of one queue of pg-boss as slots become free: when a notice says that some arrived, and
 * every now and then. pg-boss's own workers poll twice a second at best.
 */
export class BossLane implements EngineLane {
  readonly #settings: BossLaneSettings;
  readonly #running = new Set<Promise<void>>();
  #state: 'open' | 'paused' | 'closed' = 'open';
  #fetching: Promise<void> | undefined;
  #again = false;
  #cancelTimer: CancelTimer | undefined;

  constructor(settings: BossLaneSettings) {
    this.#settings = settings;
    if (settings.paused) this.#state = 'paused';
    this.wake();
  }

  get physicalQueue(): string {
    return this.#settings.physicalQueue;
  }

  /** There may be jobs. */
  wake(): void {
    if (this.#state !== 'open') return;
    this.#again = true;
    if (this.#fetching !== undefined || !this.#hasRoom) return;
    this.#cancelTimer?.();
    this.#fetching = this.#fetch().then(() => {
      this.#fetching = undefined;
      if (this.#again && this.#hasRoom) this.wake();
      else this.#wakeLater();
    });
  }

  async pause(): Promise<void> {
    if (this.#state === 'open') this.#state = 'paused';
    await this.#fetching;
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'open';
    this.wake();
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#settings.onClose();
    this.#cancelTimer?.();
    await this.#fetching;
    await Promise.all(this.#running);
  }

  async #fetch(): Promise<void> {
    const { boss, db, physicalQueue, concurrency, onError } = this.#settings;
    while (this.#again && this.#hasRoom && this.#state === 'open') {
      const free = concurrency - this.#running.size;
      this.#again = false;
      try {
        const jobs = await boss.fetch<BossJobData>(physicalQueue, { batchSize: free, includeMetadata: true, db });
        for (const job of jobs) this.#take(job);
        // There may be more than there was room for.
        if (jobs.length === free) this.#again = true;
      } catch (error) {
        onError(`fetching from ${physicalQueue}`, error);
      }
    }
  }

  get #hasRoom(): boolean {
    return this.#running.size < this.#settings.concurrency;
  }

  #wakeLater(): void {
    if (this.#state !== 'open') return;
    this.#cancelTimer?.();
    this.#cancelTimer = systemClock.setTimer(() => this.wake(), this.#settings.pollInterval, true);
  }

  #take(job: JobWithMetadata<BossJobData>): void {
    const running = this.#run(job).catch((error: unknown) => this.#settings.onError(`settling job ${job.id}`, error));
    this.#running.add(running);
    void running.then(() => {
      this.#running.delete(running);
      this.wake();
    });
  }

  async #run(job: JobWithMetadata<BossJobData>): Promise<void> {
    const { boss, db, physicalQueue, run, notify, heartbeat, onError } = this.#settings;
    const claim: Claim = { id: job.id, retryCount: job.retryCount };
    const lost = new AbortController();
    const failures = failuresOf(job);
    const taken = readJob(job.data);
    const tell = (notice: Notice): void => {
      if (taken.replyTo !== undefined) notify(taken.replyTo, notice);
    };
    const stopBeating = beat(heartbeat, async () => {
      try {
        const { settled } = (await boss.touch(physicalQueue, claim, { db })) as { settled?: readonly string[] };
        if (settled?.length === 0) lost.abort();
      } catch (error) {
        onError(`a sign of life for job ${job.id}`, error);
      }
    });
    const delivery: Delivery = {
      id: job.id,
      envelope: taken.envelope,
      attempt: failures + 1,
      attempts: taken.attempts,
      redelivered: job.retryCount > failures,
      claim: lost.signal,
      progress: async (progress) => {
        await this.#storeProgress(claim, failures, progress);
        tell({ type: 'progress', id: job.id, progress });
      },
      acknowledge: async (via, outcome) => await this.#complete(claim, outcome, via),
    };
    try {
      const settlement = await run(delivery);
      stopBeating();
      await this.#settle(claim, settlement, { failures, backoff: taken.backoff, tell });
    } finally {
      stopBeating();
    }
  }

  async #settle(claim: Claim, settlement: Settlement, { failures, backoff, tell: send }: Settling): Promise<void> {
    const tell = (outcome: JobOutcome): void => send({ type: 'settled', id: claim.id, outcome });
    switch (settlement.type) {
      case 'acknowledged':
        tell(settlement.outcome);
        return;
      case 'completed':
        if (await this.#complete(claim, settlement.outcome)) tell(settlement.outcome);
        return;
      case 'failed':
        if (await this.#fail(claim, { outcome: pack(settlement.outcome), failures: failures + 1 }))
          tell(settlement.outcome);
        return;
      case 'retry':
        await this.#putBack(claim, pauseBefore(backoff, failures + 2), nextOutput(failures + 1, settlement.failure));
        return;
      case 'released':
        await this.#putBack(claim, 0, { failures });
    }
  }

  /** @returns whether the claim still held */
  async #complete(claim: Claim, outcome: JobOutcome, via?: SqlExecutor): Promise<boolean> {
    const { boss, db, physicalQueue } = this.#settings;
    const executor =
      via === undefined ? db : { executeSql: (text: string, values?: unknown[]) => execute(via, text, values) };
    const response = await boss.complete(physicalQueue, claim, { outcome: pack(outcome) } satisfies BossOutput, {
      db: executor,
    });
    return affected(response) === 1;
  }

  /**
   * Fails a job for good, whatever retries pg-boss has left for workers that were lost. pg-boss has no call
   * for that, so the retries are taken away first.
   */
  async #fail(claim: Claim, output: BossOutput): Promise<boolean> {
    const { boss, db, schema, physicalQueue } = this.#settings;
    await db.executeSql(
      `update ${schema}.job set retry_limit = retry_count where name = $1 and id = $2 and retry_count = $3 and state = 'active'`,
      [physicalQueue, claim.id, claim.retryCount],
    );
    return affected(await boss.fail(physicalQueue, claim, output, { db })) === 1;
  }

  /** Lets a job run again after a pause. A job that is put back has not used up a retry for lost workers. */
  async #putBack(claim: Claim, pause: number, output: BossOutput): Promise<void> {
    const { db, schema, physicalQueue } = this.#settings;
    const { rows } = await db.executeSql(
      `update ${schema}.job set state = 'retry', start_after = ${schema}.job_now() + $4 * interval '1 millisecond',
         heartbeat_on = null, output = $5, retry_limit = retry_limit + 1
       where name = $1 and id = $2 and retry_count = $3 and state = 'active' returning id`,
      [physicalQueue, claim.id, claim.retryCount, pause, JSON.stringify(output)],
    );
    if (rows.length > 0) systemClock.setTimer(() => this.wake(), pause, true);
  }

  async #storeProgress({ id, retryCount }: Claim, failures: number, progress: unknown): Promise<void> {
    const { db, schema, physicalQueue } = this.#settings;
    await db.executeSql(
      `update ${schema}.job set output = $4 where name = $1 and id = $2 and retry_count = $3 and state = 'active'`,
      [physicalQueue, id, retryCount, JSON.stringify({ failures, progress: pack(progress) } satisfies BossOutput)],
    );
  }
}

function beat(interval: number, sign: () => Promise<void>): () => void {
  let cancelTimer: CancelTimer | undefined;
  let stopped = false;
  const next = (): void => {
    cancelTimer = systemClock.setTimer(() => void sign().then(() => (stopped ? undefined : next())), interval, true);
  };
  next();
  return () => {
    stopped = true;
    cancelTimer?.();
  };
}

async function execute(via: SqlExecutor, text: string, values: unknown[] | undefined): Promise<{ rows: unknown[] }> {
  const { rows } = await via.query(text, values);
  return { rows: [...rows] };
}

function failuresOf({ output }: { readonly output: BossOutput | null }): number {
  const failures = output?.failures;
  return typeof failures === 'number' ? failures : 0;
}

function nextOutput(failures: number, failure: RemoteFailure): BossOutput {
  return { failures, lastFailure: pack(failure) };
}

function affected(response: object): number {
  return 'affected' in response && typeof response.affected === 'number' ? response.affected : 0;
}
