import { arrived, describeThrown, fieldOf, isError, travelling } from '../core/index.ts';
import { RemoteError } from './errors.ts';
import type { JobReference, RemoteFailure } from './engine/index.ts';

/** What travels of an error. */
export function describeFailure(error: unknown): RemoteFailure {
  if (!isError(error)) {
    return { name: 'Error', message: `a handler threw ${error === null ? 'null' : `a value of type ${typeof error}`}` };
  }
  const { name, message, code, stack } = describeThrown(error);
  const sluice = travelling(error);
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
    ...(sluice === undefined ? {} : { sluice }),
  };
}

/** The error for the waiter. A failure comes from outside, so nothing in it is taken for granted. */
export function toError(failure: unknown, { queue, id }: JobReference): RemoteError {
  const { name, message, code, stack, sluice } = (failure ?? {}) as Partial<Record<keyof RemoteFailure, unknown>>;
  return new RemoteError(
    { name: text(name) ?? 'Error', message: text(message) ?? 'the job failed', code: text(code), stack: text(stack) },
    queue,
    id,
    arrived(sluice),
  );
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
  for (let at = error, depth = 0; isError(at) && depth < 10; at = fieldOf(at, 'cause'), depth += 1) {
    const code = fieldOf(at, 'code');
    if (typeof code === 'string' && final.has(code)) return true;
  }
  return false;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
