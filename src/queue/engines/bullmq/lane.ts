import * as bullmq from 'bullmq';
import { DelayedError, type Processor, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  type Delivery,
  type EngineLane,
  type JobOutcome,
  type LaneOptions,
  type RemoteFailure,
} from '../../engine/index.ts';
import type { Channels } from './channels.ts';
import { type BullJob, type BullJobData, carrierOf, envelopeOf, wrap } from './stored-job.ts';

export interface BullLaneSettings extends LaneOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly physicalQueue: string;
  readonly channels: Channels;
  /** Milliseconds after which a job of a worker that is gone is handed out again. */
  readonly lostAfter: number;
  readonly onError: (error: unknown) => void;
}

/** How often a job may be lost with its worker before it has failed. */
const mostLosses = 20;

/** How long after a failure jobs are asked for again, in milliseconds. */
const retryPause = 500;

/** A worker of BullMQ for one queue and level. */
export function openBullLane(settings: BullLaneSettings): EngineLane {
  const { physicalQueue, redis, prefix, concurrency, lostAfter, channels, paused, onError } = settings;
  const failures = new Map<string, RemoteFailure>();
  const processor: Processor<BullJobData, JobOutcome> = (job, token, signal) =>
    runBullJob(settings, job, token ?? '', signal ?? new AbortController().signal, failures);
  const worker = new Worker<BullJobData, JobOutcome>(physicalQueue, processor, {
    connection: redis,
    prefix,
    concurrency,
    autorun: false,
    lockDuration: lostAfter,
    stalledInterval: Math.max(250, Math.floor(lostAfter / 2)),
    maxStalledCount: mostLosses,
    runRetryDelay: retryPause,
  });
  const tell = (job: BullJob, outcome: JobOutcome): void => {
    const replyTo = envelopeOf(job)?.replyTo;
    if (replyTo !== undefined)
      channels.send(channels.repliesTo(replyTo), { type: 'settled', id: job.id ?? '', outcome });
  };
  worker.on('completed', tell);
  worker.on('failed', (job) => {
    const id = job?.id ?? '';
    const failure = failures.get(id);
    failures.delete(id);
    if (job !== undefined && failure !== undefined) tell(job, { type: 'failed', failure });
  });
  worker.on('error', onError);
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) optional(worker).cancelJob?.(id, 'another worker has the job');
  });
  const run = (): void => void worker.run().catch(onError);
  if (!paused) run();
  let started = !paused;
  return {
    pause: () => worker.pause(true),
    resume: () => {
      if (started) void worker.resume();
      else run();
      started = true;
    },
    close: () => worker.close(),
  };
}

/** Runs a job; how it ended is what the processor of BullMQ returns or throws. */
async function runBullJob(
  { run, channels }: BullLaneSettings,
  job: BullJob,
  token: string,
  claim: AbortSignal,
  failures: Map<string, RemoteFailure>,
): Promise<JobOutcome> {
  const id = job.id ?? '';
  // A run that could not be settled has left its failure here.
  failures.delete(id);
  const delivery: Delivery = {
    id,
    envelope: envelopeOf(job),
    attempt: job.attemptsMade + 1,
    attempts: job.opts.attempts ?? 1,
    redelivered: job.stalledCounter > 0 || job.attemptsStarted > job.attemptsMade + 1,
    claim,
    progress: async (progress) => {
      await job.updateProgress(wrap(progress));
      const replyTo = envelopeOf(job)?.replyTo;
      if (replyTo !== undefined) channels.send(channels.repliesTo(replyTo), { type: 'progress', id, progress });
    },
  };
  const settlement = await run(delivery);
  switch (settlement.type) {
    case 'acknowledged':
    case 'completed':
      return settlement.outcome;
    case 'retry':
      throw carrierOf(settlement.failure, false);
    case 'failed': {
      const failure = failureIn(settlement.outcome);
      failures.set(id, failure);
      throw carrierOf(failure, true);
    }
    case 'released':
      throw await handBack(job, token, claim);
  }
}

/** @returns what BullMQ is told with: a job that no longer belongs to this worker is not moved */
async function handBack(job: BullJob, token: string, claim: AbortSignal): Promise<Error> {
  const { WaitingError } = optional(bullmq);
  // The first versions of BullMQ 5 move a job to those that wait for a time alone.
  const moveToWait = WaitingError === undefined ? undefined : optional(job).moveToWait?.bind(job);
  if (WaitingError !== undefined && moveToWait !== undefined) {
    if (!claim.aborted) await moveToWait(token);
    return new WaitingError();
  }
  if (!claim.aborted) await job.moveToDelayed(Date.now(), token);
  return new DelayedError();
}

/** What not every version of BullMQ has. */
function optional<Of extends object>(of: Of): Partial<Of> {
  return of;
}

function failureIn(outcome: JobOutcome): RemoteFailure {
  return outcome.type === 'failed' ? outcome.failure : { name: 'Error', message: 'the job failed' };
}
