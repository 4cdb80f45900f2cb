import { RemoteError } from './errors.ts';
import type { JobOutcome, JobReference, RemoteFailure } from './engine.ts';

const longestText = 8_000;

/** What travels of an error. */
export function describeFailure(error: unknown): RemoteFailure {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: `a handler threw ${error === null ? 'null' : `a value of type ${typeof error}`}` };
  }
  const { name, message, stack } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    name: shorten(name),
    message: shorten(message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: shorten(String(code)) } : {}),
    ...(typeof stack === 'string' ? { stack: shorten(stack) } : {}),
  };
}

/** The error for the waiter. A failure comes from outside, so nothing in it is taken for granted. */
export function toError(failure: unknown, { queue, id }: JobReference): RemoteError {
  const { name, message, code, stack } = (failure ?? {}) as Partial<Record<keyof RemoteFailure, unknown>>;
  return new RemoteError(
    { name: text(name) ?? 'Error', message: text(message) ?? 'the job failed', code: text(code), stack: text(stack) },
    queue,
    id,
  );
}

/** Whether a value from outside says how a job ended. */
export function isOutcome(value: unknown): value is JobOutcome {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  if (value.type === 'completed') return true;
  return value.type === 'failed' && 'failure' in value && typeof value.failure === 'object' && value.failure !== null;
}

/** Errors after which another attempt can only come to the same. */
const final: ReadonlySet<string> = new Set([
  'UNRECOVERABLE',
  'CHAIN_DEADLOCK',
  'DEADLINE_EXCEEDED',
  'INVALID_CONTEXT',
  'UNSERIALIZABLE',
  'PAYLOAD_TOO_LARGE',
  'JOB_OVERRUN',
]);

export function isFinal(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string' && final.has(at.code)) return true;
  }
  return false;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Text that every engine can keep: PostgreSQL has no NUL, and no half of a character. */
function shorten(text: string): string {
  const short = text.length > longestText ? `${text.slice(0, longestText)}…` : text;
  return short.toWellFormed().replaceAll('\0', '\u{FFFD}');
}
