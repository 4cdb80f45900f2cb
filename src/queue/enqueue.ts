import { type CancelTimer, sleep, systemClock } from '../core/index.ts';
import { type EngineJob, type QueueEngine, QueueUnavailableError } from './engine/index.ts';
import { EnqueueUnknownError } from './errors.ts';

/** Where jobs go, and how long that may take. */
export interface Destination {
  readonly engine: QueueEngine;
  /** Resolves when the engine has started. @throws QueueUnavailableError, and what its start throws */
  ready(): Promise<void>;
  /** Milliseconds. */
  readonly timeout: number;
}

const firstPause = 20;
const longestPause = 500;

/**
 * Enqueues a job so that its pusher knows what has become of it. An answer that is lost is asked for again by
 * sending the job again: it keeps its id, so one that is there stays as it is.
 * @throws QueueUnavailableError: it is not enqueued; EnqueueUnknownError: it may be; what the server refuses it with
 */
export async function enqueue(destination: Destination, job: EngineJob): Promise<void> {
  const sending = new Sending(destination, () => job);
  const { timeout } = destination;
  let cancelTimer: CancelTimer | undefined;
  const late = new Promise<void>((_, reject) => {
    cancelTimer = systemClock.setTimer(() => {
      sending.stop();
      reject(
        sending.mayBeThere ? unknownIfThere(job, timeout, sending.lastError) : notSent(destination, sending.lastError),
      );
    }, timeout);
  });
  try {
    await Promise.race([sending.send(), late]);
  } finally {
    cancelTimer?.();
  }
}

/** Sends a job until it is there, is refused, or is to be stopped. */
export class Sending {
  readonly #destination: Destination;
  readonly #job: () => EngineJob;
  readonly #stopped = new AbortController();
  /** The job was sent, and nothing says that it is not there. */
  mayBeThere = false;
  lastError: unknown;

  /** @param job is asked for when it can be sent: only then is it known what time it is there */
  constructor(destination: Destination, job: () => EngineJob) {
    this.#destination = destination;
    this.#job = job;
  }

  /** From now on nothing is sent. */
  stop(): void {
    this.#stopped.abort();
  }

  /** @throws what the server refuses it with, and what the start of the engine throws for good */
  async send(): Promise<void> {
    const { signal } = this.#stopped;
    for (let pause = firstPause; !signal.aborted; pause = Math.min(pause * 2, longestPause)) {
      if (await this.#attempt()) return;
      await sleep(systemClock, pause, signal).catch(() => {});
    }
  }

  /** @returns whether it is there */
  async #attempt(): Promise<boolean> {
    const { engine } = this.#destination;
    let sent = false;
    const before = this.mayBeThere;
    try {
      await this.#destination.ready();
      if (this.#stopped.signal.aborted) return false;
      sent = true;
      this.mayBeThere = true;
      await engine.add([this.#job()]);
      return true;
    } catch (error) {
      this.lastError = error;
      this.mayBeThere = before || (sent && engine.mayHaveAdded(error));
      // Another attempt could only come to the same.
      if (!this.mayBeThere && !(error instanceof QueueUnavailableError)) throw error;
      return false;
    }
  }
}

export function notSent({ engine, timeout }: Destination, cause: unknown): QueueUnavailableError {
  return new QueueUnavailableError({
    what: `The queue engine ${engine.name} was not reached within ${timeout} ms; the job is not enqueued`,
    remedy: 'Check that its server runs and accepts this user, or raise enqueueTimeout',
    cause,
  });
}

/** For a job of which no answer came within the timeout. */
export function unknownIfThere(
  { id, queue, level, envelope }: EngineJob,
  timeout: number,
  cause: unknown,
): EnqueueUnknownError {
  const { clientName } = envelope.context as { readonly clientName?: string };
  return new EnqueueUnknownError({
    what: `It is not known whether the job ${id} of queue "${queue}" is enqueued: no answer came within ${timeout} ms`,
    remedy: 'Push it again with the options in "again" of this error: it is enqueued once in any case',
    cause,
    queue,
    jobId: id,
    again: { id, dbInfo: { level, ...(clientName === undefined ? {} : { clientName }) } },
  });
}
