export { UnknownDatabaseError } from './errors.ts';
export { type ClientHealth, type DatabaseHealth, type PingOptions, SluiceHealthIndicator } from './health.ts';
export { InjectDatabase, type InjectDecorator, InjectJobs, InjectQueue } from './inject.ts';
export { JobHandler, type JobHandlerDecorator } from './job-handler.ts';
export { JobsModule, type JobsModuleAsyncOptions, type JobsModuleOptions, type JobsSettings } from './jobs-module.ts';
export {
  type HandleProviderOptions,
  provideHandle,
  type TypeOrmModuleInput,
  type TypeOrmModuleExtras,
  typeOrmOptions,
  type TypeOrmProviderOptions,
} from './libraries.ts';
export {
  type DatabaseSource,
  type SluiceFeatureOptions,
  SluiceModule,
  type SluiceModuleAsyncOptions,
  type SluiceModuleOptions,
  type SluiceModuleSettings,
} from './sluice-module.ts';
export { getDatabaseToken, getJobsToken, getQueueToken } from './tokens.ts';
export { type NestTransactionOptions, Transactional } from './transactional.ts';
