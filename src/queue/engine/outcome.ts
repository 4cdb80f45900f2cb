/** An error as it travels. */
export interface RemoteFailure {
  /** The error's `name`. */
  readonly name: string;
  /** The error's `message`. */
  readonly message: string;
  /** The error's `code`, where it is text. */
  readonly code?: string | undefined;
  /** The stack in the process that threw it. */
  readonly stack?: string | undefined;
  /** The error of Sluice that was thrown, or that the thrown one wraps; JSON that an engine passes on as it is. */
  readonly sluice?: object | undefined;
}

/** How a run of a job ended, as JSON: `value` is missing for `undefined`. */
export type JobOutcome =
  | {
      /** The handler returned. */
      readonly type: 'completed';
      /** What it returned. */
      readonly value?: unknown;
    }
  | {
      /** The handler threw for the last time, or the job could not be run. */
      readonly type: 'failed';
      /** What was thrown. */
      readonly failure: RemoteFailure;
    };

/** Whether a value from outside says how a job ended. */
export function isOutcome(value: unknown): value is JobOutcome {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  if (value.type === 'completed') return true;
  return value.type === 'failed' && 'failure' in value && typeof value.failure === 'object' && value.failure !== null;
}
