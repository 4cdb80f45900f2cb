import {
  EventsModule,
  JobsModule,
  OnTransactionalEvent,
  provideHandle,
  provideRelay,
  RequestModule,
  SagasModule,
  SluiceModule,
  Transactional,
  TransactionalRoute,
  typeOrmOptions,
} from '../../src/frameworks/nestjs/index.ts';
import { defineEvent } from '../../src/events/index.ts';
import { SluiceHealthIndicator } from '../../src/frameworks/nestjs/parts/health.ts';
import { OpenParts } from '../../src/frameworks/nestjs/parts/open-parts.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { contextOptions, routeOptions } from './http-rows.ts';
import { invoice, isolation, type Place, type Row } from './row.ts';
import { called, type Domain, list, milliseconds, only, some, timer, truth, words } from './values.ts';

const anything: Domain = { good: ['KYSELY'], accepts: () => true };
const name = words(200);
const imported = { imports: list, inject: list, useFactory: called() };
const closing = { shutdownTimeout: milliseconds(0, timer) };
const ofJobs = { name, database: name, workers: truth, ...closing };

function health({ database }: Place): SluiceHealthIndicator {
  const parts = new OpenParts();
  parts.addDatabase('default', { database, isOwn: false, timeout: 0, drainDelay: 0 });
  return new SluiceHealthIndicator(parts);
}

export const nestRows: readonly Row[] = [
  {
    interface: 'SluiceModuleOptions',
    entrance: 'SluiceModule.forRoot',
    call: (options) => SluiceModule.forRoot(options),
    base: ({ database }) => ({ database }),
    options: { name, closeOnShutdown: truth, ...closing, drainDelay: milliseconds(0, 600_000) },
  },
  {
    interface: 'SluiceModuleAsyncOptions',
    entrance: 'SluiceModule.forRootAsync',
    call: (options) => SluiceModule.forRootAsync(options),
    base: () => ({ useFactory: () => ({}) }),
    options: { name, ...imported },
  },
  {
    interface: 'SluiceFeatureOptions',
    entrance: 'SluiceModule.forFeature',
    call: (options) => SluiceModule.forFeature(options),
    base: () => ({ database: 'reports' }),
    options: { database: name },
  },
  {
    interface: 'RequestModuleOptions',
    entrance: 'RequestModule.forRoot',
    call: (options) => RequestModule.forRoot(options),
    options: { ...contextOptions, database: name, errors: truth },
  },
  {
    interface: 'RequestModuleAsyncOptions',
    entrance: 'RequestModule.forRootAsync',
    call: (options) => RequestModule.forRootAsync(options),
    base: () => ({ useFactory: () => ({}) }),
    options: { ...imported, database: name, errors: truth },
  },
  {
    interface: 'TransactionalRouteOptions',
    entrance: '@TransactionalRoute',
    call: (options) => TransactionalRoute(options),
    options: { ...routeOptions, database: name },
  },
  {
    interface: 'JobsModuleOptions',
    entrance: 'JobsModule.forRoot',
    call: (options) => JobsModule.forRoot(options),
    base: () => ({ queues: { invoice } }),
    options: ofJobs,
  },
  {
    interface: 'JobsModuleAsyncOptions',
    entrance: 'JobsModule.forRootAsync',
    call: (options) => JobsModule.forRootAsync(options),
    base: () => ({ queues: { invoice }, useFactory: () => ({}) }),
    options: { ...ofJobs, ...imported, queues: some({ invoice }) },
  },
  {
    interface: 'SagasModuleOptions',
    entrance: 'SagasModule.forRoot',
    call: (options) => SagasModule.forRoot(options),
    base: () => ({ sagas: {} }),
    options: ofJobs,
  },
  {
    interface: 'SagasModuleAsyncOptions',
    entrance: 'SagasModule.forRootAsync',
    call: (options) => SagasModule.forRootAsync(options),
    base: () => ({ useFactory: () => ({}) }),
    options: { ...ofJobs, ...imported },
  },
  {
    interface: 'EventsModuleOptions',
    entrance: 'EventsModule.forRoot',
    call: (options) => EventsModule.forRoot(options),
    options: { name, database: name, durable: truth, ...closing },
  },
  {
    interface: 'TransactionalEventOptions',
    entrance: '@OnTransactionalEvent',
    call: (options) => OnTransactionalEvent(defineEvent('order.placed'), options),
    base: () => ({ phase: 'afterCommit' }),
    options: { events: name },
  },
  {
    interface: 'HandleProviderOptions',
    entrance: 'provideHandle',
    call: (options) => provideHandle(options),
    base: () => ({ provide: 'KYSELY', useFactory: () => ({}) }),
    options: { provide: anything, database: name, inject: list, useFactory: called() },
  },
  {
    interface: 'RelayProviderOptions',
    entrance: 'provideRelay',
    call: (options) => provideRelay(options),
    base: () => ({ provide: 'RELAY', useFactory: () => ({}) }),
    options: { provide: anything, database: name, inject: list, useFactory: called() },
  },
  {
    interface: 'TypeOrmProviderOptions',
    entrance: 'typeOrmOptions',
    call: (options) => typeOrmOptions(createDataSource, options),
    base: () => ({ useFactory: () => ({}) }),
    options: { name, database: name, ...imported },
  },
  {
    interface: 'PingOptions',
    entrance: 'pingCheck',
    call: (options, place) => health(place).pingCheck('database', options),
    codes: ['UNKNOWN_CLIENT'],
    // Another name is one that the application does not have.
    options: { database: words(200, 'default'), clientName: only('default'), timeout: milliseconds(1, timer) },
  },
  {
    interface: 'NestTransactionOptions',
    entrance: '@Transactional of sluice/nestjs',
    call: (options) => Transactional(options),
    options: {
      database: name,
      propagation: only('REQUIRED', 'REQUIRES_NEW', 'NESTED', 'SUPPORTS'),
      isolationLevel: isolation,
      readOnly: truth,
      timeout: milliseconds(1, timer, 5_000),
      signal: some(new AbortController().signal),
      retry: some({ attempts: 2 }),
      rollbackOn: called(),
      name,
    },
  },
];
