export {
  cancelSaga,
  listSagas,
  resumeSaga,
  type SagaInfo,
  type SagaListOptions,
  type SagaPage,
} from './administration.ts';
export { sagaCounts, type SagaCounts, type SagaCountsOptions } from './upkeep/counts.ts';
export type { SagaStatus } from './upkeep/status.ts';
export { findSaga, type SagaChildInfo, type SagaDetails, type SagaStepInfo, type SagaWaitInfo } from './details.ts';
export { defineSaga, type OfJson, type SagaDefinitionOptions } from './definition.ts';
export {
  type RecordedFailure,
  SagaCancelledError,
  SagaConflictError,
  type SagaErrorDetails,
  SagaFailedError,
  SagaFinishedError,
  SagaInTransactionError,
  SagaMismatchError,
  SagaNotFoundError,
  SagaStepError,
  SagaStepFailedError,
  SagasStoppedError,
  SagaStuckError,
  SagaTablesMissingError,
  SagaTimeoutError,
} from './errors.ts';
export { forgetEndedSagas, type ForgetSagasOptions } from './upkeep/forget.ts';
export type { Compensation, Duration, Saga, SagaDefinition, StepInfo, StepOptions, WaitForOptions } from './saga.ts';
export { SagaCalls, SagaHandle, type SagaRunOptions, type SagaStartOptions } from './calls.ts';
export {
  createSagas,
  type SagaDefinitions,
  type SagaInput,
  type SagaResult,
  type Sagas,
  type SagasControl,
  type SagasOptions,
  type SagasStopOptions,
} from './sagas.ts';
export type { AsJson } from '../payload/index.ts';
export { createSagaTables, sagaTablesSql } from './tables.ts';
export type { ResultOptions } from './waiting.ts';
