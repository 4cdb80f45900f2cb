/** The entry `sluice/idempotency`: calls that take effect once, with the tables that they need. */
export {
  type AsJson,
  createIdempotencyTables,
  forgetExpiredKeys,
  type ForgetOptions,
  idempotencyTablesSql,
  IdempotencyAnswerError,
  IdempotencyConflictError,
  IdempotencyInProgressError,
  IdempotencyKeyError,
  IdempotencyTablesMissingError,
  IdempotencyUnknownError,
  idempotent,
  type IdempotentAnswer,
  type IdempotentOptions,
  type IdempotentTransactionOptions,
} from '../../idempotency/index.ts';
