export type { AsJson } from '../payload/index.ts';
export type { IdempotentAnswer } from './call.ts';
export {
  IdempotencyAnswerError,
  IdempotencyConflictError,
  IdempotencyInProgressError,
  IdempotencyKeyError,
  IdempotencyTablesMissingError,
  IdempotencyUnknownError,
  noAnswer,
  noKey,
} from './errors.ts';
export { forgetExpiredKeys, type ForgetOptions } from './forget.ts';
export { idempotent } from './idempotent.ts';
export { hashOf, idOf, longestKey } from './key.ts';
export {
  defaults,
  type IdempotentOptions,
  type IdempotentTransactionOptions,
  keptChecks,
  propagations,
} from './options.ts';
export { runIdempotent } from './run.ts';
export { createIdempotencyTables, idempotencyTablesSql } from './tables.ts';
