export { UnknownDatabaseError } from './parts/errors.ts';
export { type ClientHealth, type DatabaseHealth, type PingOptions, SluiceHealthIndicator } from './parts/health.ts';
export {
  OnTransactionalEvent,
  type TransactionalEventDecorator,
  type TransactionalEventOptions,
} from './decorated/transactional-event.ts';
export { EventsModule, type EventsModuleOptions } from './events-module.ts';
export { InjectDatabase, type InjectDecorator, InjectEvents, InjectJobs, InjectQueue, InjectSagas } from './inject.ts';
export { JobHandler, type JobHandlerDecorator } from './jobs/job-handler.ts';
export {
  JobsModule,
  type JobsModuleAsyncOptions,
  type JobsModuleOptions,
  type JobsSettings,
} from './jobs/jobs-module.ts';
export {
  type HandleProviderOptions,
  provideHandle,
  type TypeOrmModuleInput,
  type TypeOrmModuleExtras,
  typeOrmOptions,
  type TypeOrmProviderOptions,
} from './libraries.ts';
export { RequestModule, type RequestModuleAsyncOptions, type RequestModuleOptions } from './requests/request-module.ts';
export { TransactionalRoute, type TransactionalRouteOptions } from './requests/route-transaction.ts';
export { SagasModule, type SagasModuleAsyncOptions, type SagasModuleOptions } from './sagas/sagas-module.ts';
export {
  type DatabaseSource,
  type SluiceFeatureOptions,
  SluiceModule,
  type SluiceModuleAsyncOptions,
  type SluiceModuleOptions,
  type SluiceModuleSettings,
} from './sluice-module.ts';
export { provideRelay, type RelayProviderOptions } from './relays.ts';
export { getDatabaseToken, getEventsToken, getJobsToken, getQueueToken, getSagasToken } from './parts/tokens.ts';
export { type NestTransactionOptions, Transactional } from './transactional.ts';
