export {
  type Anomaly,
  AnomalyFoundError,
  type AnomalyKind,
  interleave,
  InterleaveActorError,
  type InterleavedEnd,
  type InterleavedStep,
  type InterleaveOptions,
  InterleaveReport,
  InterleaveSetupError,
  NothingInterleavedError,
  type StatementPair,
  type TriedRemedy,
} from './interleave/index.ts';
export {
  ProductionDatabaseError,
  type TestDatabase,
  TestDatabaseError,
  testDatabases,
  type TestDatabasesOptions,
} from './databases/index.ts';
export { noDatabase, type NoDatabaseOptions, StatementWithoutDatabaseError } from './no-database.ts';
export { EscapedStatementError, poolOfOne } from './pool-of-one.ts';
export {
  captureCommitHooks,
  type CaptureOptions,
  type CapturedHooks,
  rolledBack,
  type RollbackOptions,
} from './rollback.ts';
export {
  NothingRepeatedError,
  NotRepeatableError,
  proveRepeatable,
  type ProveRepeatableOptions,
  RepeatableSetupError,
  type RepeatableProof,
  type RepeatFinding,
  type RepeatProblem,
} from './repeatable/index.ts';
export { rollbackEach } from './rollback-each.ts';
export { testHeaders } from './test-headers.ts';
