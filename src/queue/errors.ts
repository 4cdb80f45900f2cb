import { type ErrorDetails, knownToCopies, SluiceError } from '../core/index.ts';
import type { DbInfo } from '../database/index.ts';
import type { JobListState, JobState, RemoteFailure } from './engine/index.ts';

/** A queue was named that was not given to `createJobs`. */
export class UnknownQueueError extends SluiceError {
  static override readonly code = 'UNKNOWN_QUEUE';
  override readonly code = 'UNKNOWN_QUEUE';
}

/** Something was to be waited for that cannot happen while the waiter holds what it holds. */
export class WouldDeadlockError extends SluiceError {
  static override readonly code = 'WOULD_DEADLOCK';
  override readonly code = 'WOULD_DEADLOCK';
}

/** No answer came in time. The message says what is known of the job, and whether it may still run. */
export class JobTimeoutError extends SluiceError {
  static override readonly code = 'JOB_TIMEOUT';
  override readonly code = 'JOB_TIMEOUT';
  /** The UUID of the job. */
  readonly jobId: string;
  /** What was last known of it; nothing where it was never seen. */
  readonly lastState: JobState['status'] | undefined;

  constructor(details: ErrorDetails & { readonly jobId: string; readonly lastState: JobState['status'] | undefined }) {
    super(details);
    this.jobId = details.jobId;
    this.lastState = details.lastState;
  }
}

/** The job was never enqueued: the transaction that it was to leave with was rolled back. */
export class JobDroppedError extends SluiceError {
  static override readonly code = 'JOB_DROPPED';
  override readonly code = 'JOB_DROPPED';
}

/** A job ran longer than its queue's `maxRuntime`; what it had open was rolled back. */
export class JobOverrunError extends SluiceError {
  static override readonly code = 'JOB_OVERRUN';
  override readonly code = 'JOB_OVERRUN';
}

/** The worker gave the job back, or lost it to another one; its effects were rolled back. */
export class JobReleasedError extends SluiceError {
  static override readonly code = 'JOB_RELEASED';
  override readonly code = 'JOB_RELEASED';
}

/** The jobs were closed, or a wait was ended by their closing. */
export class JobsClosedError extends SluiceError {
  static override readonly code = 'JOBS_CLOSED';
  override readonly code = 'JOBS_CLOSED';
}

/** A job that was to be retried or discarded is not in its queue: it never was, was discarded, or was removed after its end. */
export class JobNotFoundError extends SluiceError {
  static override readonly code = 'JOB_NOT_FOUND';
  override readonly code = 'JOB_NOT_FOUND';
}

/** A job is in a state in which it cannot be retried or discarded. Nothing was changed. */
export class JobStateError extends SluiceError {
  static override readonly code = 'JOB_STATE';
  override readonly code = 'JOB_STATE';
  /** The UUID of the job. */
  readonly jobId: string;
  /** The state that it is in. */
  readonly state: JobListState;

  constructor(details: ErrorDetails & { readonly jobId: string; readonly state: JobListState }) {
    super(details);
    this.jobId = details.jobId;
    this.state = details.state;
  }
}

/** The engine cannot list, retry or discard jobs. */
export class AdministrationUnsupportedError extends SluiceError {
  static override readonly code = 'ADMINISTRATION_UNSUPPORTED';
  override readonly code = 'ADMINISTRATION_UNSUPPORTED';
}

/** Thrown by a handler: the job fails at once, whatever attempts it has left. */
export class UnrecoverableError extends Error {
  static {
    knownToCopies(UnrecoverableError, 'unrecoverable-error');
  }

  /** Always `UnrecoverableError`. */
  override readonly name: string = 'UnrecoverableError';
  /** Always `UNRECOVERABLE`. */
  readonly code = 'UNRECOVERABLE';
}

/**
 * The error of a handler, as its waiter gets it: with the name, the message and the code that it had
 * where it was thrown, and the stack of that process in `remoteStack`. Where that was an error of Sluice, or wrapped one,
 * `SluiceError.find(error)` gives it, with its `code`, `retryable`, `remedy` and `docs`; it is the `cause`.
 */
export class RemoteError extends Error {
  static {
    knownToCopies(RemoteError, 'remote-error');
  }

  /** The `name` that the error had where it was thrown. */
  override readonly name: string;
  /** The `code` that the error had, where it had one. */
  readonly code: string | undefined;
  /** The stack of the process that threw it, where it was sent. */
  readonly remoteStack: string | undefined;
  /** The name of the queue. */
  readonly queue: string;
  /** The UUID of the job. */
  readonly jobId: string;

  constructor({ name, message, code, stack }: RemoteFailure, queue: string, jobId: string, cause?: SluiceError) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
    this.code = code;
    this.remoteStack = stack;
    this.queue = queue;
    this.jobId = jobId;
  }
}

/**
 * The answer of the engine's server was lost, or did not come in time: the job may be enqueued, now or later.
 * Pushed again with the options in `again` it is enqueued once, whatever has become of the first time.
 */
export class EnqueueUnknownError extends SluiceError {
  static override readonly code = 'ENQUEUE_UNKNOWN';
  override readonly code = 'ENQUEUE_UNKNOWN';
  /** The name of the queue. */
  readonly queue: string;
  /** The UUID of the job. */
  readonly jobId: string;
  /** For `push` and `pushAsync`: the id of the job, and where it is. */
  readonly again: {
    /** The UUID of the job. */
    readonly id: string;
    /** The client and level of the job. */
    readonly dbInfo: DbInfo;
  };

  constructor(
    details: ErrorDetails & {
      readonly queue: string;
      readonly jobId: string;
      readonly again: EnqueueUnknownError['again'];
    },
  ) {
    super(details);
    this.queue = details.queue;
    this.jobId = details.jobId;
    this.again = details.again;
  }
}
