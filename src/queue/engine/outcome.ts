import type { JobOutcome } from './engine.ts';

/** Whether a value from outside says how a job ended. */
export function isOutcome(value: unknown): value is JobOutcome {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  if (value.type === 'completed') return true;
  return value.type === 'failed' && 'failure' in value && typeof value.failure === 'object' && value.failure !== null;
}
