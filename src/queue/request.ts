import { systemClock } from '../core/index.ts';
import type { EngineJob } from './engine/index.ts';
import { type Destination, notSent, Sending } from './enqueue.ts';
import { JobTimeoutError } from './errors.ts';
import type { Waiting, WaitOptions } from './waiting.ts';

/**
 * Enqueues a job and waits for its answer. A job that may be there is waited for, and sent again until it is
 * known to be; one that cannot be sent ends the wait.
 * @throws QueueUnavailableError, and what the server refuses it with: it is not enqueued; what `waitFor` throws
 */
export async function request(
  destination: Destination,
  waiting: Waiting,
  job: EngineJob,
  wait: WaitOptions,
): Promise<unknown> {
  const { engine, timeout } = destination;
  const failed = new AbortController();
  const signal = wait.signal === undefined ? failed.signal : AbortSignal.any([wait.signal, failed.signal]);
  const begun = systemClock.now();
  let sent: EngineJob | undefined;
  // The engine's clock is known once it has started. Sent again it is the same job, and has the time that was left to it.
  const sealed = (): EngineJob =>
    (sent ??= { ...job, envelope: { ...job.envelope, sentAt: engine.now() - (systemClock.now() - begun) } });
  const sending = new Sending(destination, sealed);
  const cancelTimer = systemClock.setTimer(() => {
    if (!sending.mayBeThere) failed.abort(notSent(destination, sending.lastError));
  }, timeout);
  const resend = async (): Promise<void> => {
    if (sent !== undefined) await engine.add([sent]);
  };
  try {
    const answer = waiting.waitFor(job, { ...wait, signal }, resend);
    sending.send().catch((error: unknown) => failed.abort(error));
    return await answer;
  } catch (error) {
    throw error instanceof JobTimeoutError && !sending.mayBeThere ? neverSent(error, sending.lastError) : error;
  } finally {
    sending.stop();
    cancelTimer();
  }
}

function neverSent({ jobId }: JobTimeoutError, cause: unknown): JobTimeoutError {
  return new JobTimeoutError({
    what: `The job ${jobId} was not enqueued before its timeout: the queue was unreachable`,
    remedy: 'It will not run. Check that the server of the queue runs, or give a longer timeout',
    cause,
    jobId,
    lastState: undefined,
  });
}
