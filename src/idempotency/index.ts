export type { IdempotentAnswer } from './call.ts';
export {
  IdempotencyAnswerError,
  IdempotencyConflictError,
  IdempotencyInProgressError,
  IdempotencyKeyError,
  IdempotencyTablesMissingError,
  IdempotencyUnknownError,
} from './errors.ts';
export { forgetExpiredKeys, type ForgetOptions } from './forget.ts';
export { idempotent } from './idempotent.ts';
export type { IdempotentOptions, IdempotentTransactionOptions } from './options.ts';
export { createIdempotencyTables, idempotencyTablesSql } from './tables.ts';
