export {
  type ClientDefinition,
  partPoolOptions,
  type PoolOptions,
  poolOptionChecks,
  type SettingsByContext,
  type SettingValues,
} from './client-definition.ts';
export type { DatabaseAddress } from '../channels/index.ts';
export type {
  Backend,
  BeginStep,
  BlockedBy,
  Blocker,
  CommitResolution,
  TransactionMark,
  ConnectFailure,
  ConnectionStatus,
  Driver,
  DriverConnection,
  DriverSettings,
  EndStep,
  Exchange,
  LibraryPoolOptions,
  LockProbe,
  LockWait,
  SavepointStep,
  StatementStep,
  Step,
  TransactionCharacteristics,
} from './driver.ts';
export { type Ahead, AheadLine } from './ahead-line.ts';
export type { EngineDialect, KyselyParts, LibraryNames, ModelDialect } from './dialect/engine-dialect.ts';
export { type SagasDialect, sagaTables } from './dialect/sagas-dialect.ts';
export type { TableDialect } from './dialect/table-dialect.ts';
export { type TwoPhaseDialect, twoPhaseTables } from './dialect/two-phase-dialect.ts';
export type { IdempotencyClaim, IdempotencyDialect } from './dialect/idempotency-dialect.ts';
export type {
  ClaimedPublication,
  CompletionMode,
  EventDialect,
  EventHandle,
  FailedAttempt,
  ListenerOfEvent,
  NewPublication,
  PublicationListing,
} from './dialect/event-dialect.ts';
export { claimedColumns, type EventSql, eventStatements } from './dialect/event-statements.ts';
export { outboxAdministration } from './dialect/outbox-administration.ts';
export {
  type NewReceivedRow,
  type ReceivedListing,
  receivedMessages,
  type ReceivedMessages,
} from './dialect/received-messages.ts';
export type {
  NewOutboxRow,
  OutboxAdministration,
  OutboxDialect,
  OutboxHandle,
  OutboxListing,
  OutboxRow,
} from './dialect/outbox-dialect.ts';
export { DriverAnswerError, wrongAnswer, isAnswer } from './answer-rules.ts';
export { withoutLiterals } from './literals.ts';
export { textShower } from './shown-text.ts';
export { insertRows, listStatements, placeholders } from './dialect/outbox-rows.ts';
export { warnOfMissing } from './missing-option.ts';
export {
  CommitTableError,
  ConnectError,
  ConnectionLostError,
  type Failure,
  type FailureKind,
  ImplicitCommitError,
  mayHaveCommitted,
  PoolerTimeoutError,
  failureOfSize,
  PreparedStatementMissingError,
  resultTooLarge,
  ResultTooLargeError,
  type Reach,
  TransactionControlError,
  UnsupportedServerError,
} from './failure.ts';
export { type ConcreteIsolation, IsolationLevel, standardFulfilment, UnsupportedIsolationError } from './isolation.ts';
export { findPlaceholders, firstWord, rememberTexts, skipPast, skipQuoted, splitStatements } from './sql-text.ts';
export { bytesOf, nameQuoter } from './quote-name.ts';
export { isSql, type RowOf, type Sql, sql, type SqlTag, statement, toStatement } from './sql.ts';
export type { Field, QueryResult, Statement, StatementKind } from './statement.ts';
export { checkValues } from './statement-values.ts';
