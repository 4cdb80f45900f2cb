/** The folders of `src`, lowest first: a folder may import those before it. Nothing else is allowed. */
export const order = [
  'core',
  // What is sent and stored as JSON.
  'payload',
  'channels',
  'context',
  'envelope',
  'driver',
  'pool',
  // What those who look on are told.
  'observation',
  'foreign-waits',
  // What travels along with the statements of the program.
  'riders',
  'connection',
  // Reads outside of transactions that share connections.
  'reads',
  'hooks',
  'transaction',
  'database',
  'library',
  // Tables of Sluice's own.
  'tables',
  // The port of message brokers.
  'outbox/broker',
  'outbox',
  'events',
  'cache',
  'queue/engine',
  'queue/engines/memory',
  'queue',
  // Sagas, whose steps may await jobs.
  'saga',
  'testing',
] as const;

export interface FolderRule {
  /** The folders that it may import, through their `index.ts`. */
  readonly folders: readonly string[];
  readonly packages: readonly string[];
}

const ordered = order.map((folder, index): [string, FolderRule] => [
  folder,
  { folders: order.slice(0, index), packages: [] },
]);

/** What each folder may import; a folder that is not here has no rule, which is an error too. */
export const rules: Readonly<Record<string, FolderRule>> = {
  ...Object.fromEntries(ordered),
  // What Kysely writes SQL with.
  'kysely-parts': { folders: ['driver'], packages: ['kysely'] },
  model: { folders: [...order.slice(0, order.indexOf('library')), 'cache', 'kysely-parts'], packages: ['kysely'] },
  saga: { folders: order.slice(0, order.indexOf('outbox')), packages: [] },
  // What is tried out: nothing imports it.
  'experimental/two-phase': { folders: [...order.slice(0, order.indexOf('library')), 'tables'], packages: [] },
  // What puts the others together for classes.
  app: { folders: [...order.slice(0, order.indexOf('testing')), 'model'], packages: [] },
  // What the frameworks of servers have in common.
  http: { folders: [...order.slice(0, order.indexOf('library')), 'idempotency'], packages: [] },
  // What shows a running system on a page.
  inspector: { folders: order.slice(0, order.indexOf('testing')), packages: [] },
  // It runs in browsers, and knows the types of what it is sent.
  'inspector/page/browser': { folders: ['core', 'inspector'], packages: ['uplot'] },
  // What programs use of it.
  'inspector/entry': { folders: ['inspector'], packages: [] },
  'inspector/postgres': { folders: ['core', 'inspector'], packages: ['pg'] },
  'inspector/redis': { folders: ['core', 'inspector'], packages: [] },
  // The entry point of the package.
  '.': { folders: order.slice(0, order.indexOf('library')), packages: [] },
  // What outsiders write a driver with: the port, without the helpers of the own drivers.
  // What binds a library that has no folder here.
  'ports/library': { folders: ['library'], packages: [] },
  'ports/driver': { folders: ['driver'], packages: [] },
  // The suites of the ports.
  'testing/conformance': { folders: ['.', 'core', 'driver', 'cache', 'outbox', 'queue/engine'], packages: [] },
  // What an engine brings for outbox, models and libraries: plain data below them, which needs no package.
  'drivers/postgres/dialect': { folders: ['core', 'driver'], packages: [] },
  'drivers/mysql/dialect': { folders: ['core', 'driver'], packages: [] },
  'drivers/sqlite/dialect': { folders: ['core', 'driver'], packages: [] },
  // The driver knows `core` and `driver` alone; its pool for libraries stands on `library`.
  'drivers/postgres': {
    folders: ['core', 'driver', 'drivers/postgres/dialect', 'database', 'library'],
    packages: ['pg'],
  },
  'drivers/mysql': {
    folders: ['core', 'driver', 'drivers/mysql/dialect', 'database', 'library'],
    packages: ['mysql2'],
  },
  'drivers/sqlite': { folders: ['core', 'driver', 'drivers/sqlite/dialect'], packages: [] },
  // They are asked for by the name of an engine, too.
  tables: {
    folders: [
      ...order.slice(0, order.indexOf('library')),
      'drivers/postgres/dialect',
      'drivers/mysql/dialect',
      'drivers/sqlite/dialect',
    ],
    packages: [],
  },
  // Calls that take effect once.
  idempotency: { folders: [...order.slice(0, order.indexOf('library')), 'tables', 'payload'], packages: [] },
  'ports/idempotency': { folders: ['idempotency'], packages: [] },
  // What keeps the longest used is a package.
  cache: { folders: order.slice(0, order.indexOf('cache')), packages: ['lru-cache'] },
  'cache/redis': { folders: ['core', 'channels', 'cache'], packages: [] },
  'outbox/nats': {
    folders: ['core', 'outbox/broker'],
    packages: ['@nats-io/jetstream', '@nats-io/transport-node'],
  },
  'outbox/rabbitmq': { folders: ['core', 'outbox/broker'], packages: ['rabbitmq-client'] },
  'queue/engines/bullmq': { folders: ['core', 'queue/engine'], packages: ['bullmq', 'ioredis'] },
  'queue/engines/pg-boss': { folders: ['core', 'queue/engine'], packages: ['pg-boss', 'pg'] },
  'integrations/drizzle': { folders: ['.', 'library'], packages: [] },
  'integrations/mikro-orm': { folders: ['.', 'core', 'library'], packages: ['@mikro-orm/core'] },
  'integrations/prisma': { folders: ['.', 'core', 'library'], packages: [] },
  'integrations/knex': { folders: ['.', 'core', 'library'], packages: ['knex'] },
  'integrations/kysely': { folders: ['.', 'core', 'driver', 'library', 'kysely-parts'], packages: ['kysely'] },
  // The engine of a data source that makes its own database is loaded when it is initialized.
  'integrations/typeorm': {
    folders: ['.', 'core', 'library', 'drivers/postgres', 'drivers/mysql'],
    packages: ['typeorm'],
  },
  // Adapters of frameworks: each knows the core, its framework, and no other adapter.
  'frameworks/nestjs': {
    folders: [
      '.',
      'core',
      'context',
      'envelope',
      'transaction',
      'database',
      'outbox',
      'events',
      'queue',
      'saga',
      'http',
    ],
    packages: ['@nestjs/common', '@nestjs/core', 'rxjs'],
  },
  // The names of other packages, over the entry of their library.
  'compat/nestjs-cls': {
    folders: ['.', 'core', 'library'],
    packages: ['nestjs-cls', '@nestjs/common', '@prisma/client', 'knex', 'kysely', 'typeorm'],
  },
  'compat/typeorm-transactional': {
    folders: ['.', 'core', 'hooks', 'transaction', 'integrations/typeorm'],
    packages: ['typeorm'],
  },
  // What reads programs, and knows the library by its names alone.
  eslint: { folders: ['core'], packages: ['eslint'] },
  // It hears of everything, and nothing hears of it.
  opentelemetry: {
    folders: ['core', 'channels', 'context', 'driver', 'pool', 'database'],
    packages: ['@opentelemetry/api'],
  },
  'frameworks/fastify': { folders: ['.', 'core', 'http'], packages: ['fastify'] },
  'frameworks/express': { folders: ['.', 'core', 'http'], packages: ['express'] },
  'frameworks/hono': { folders: ['.', 'core', 'http'], packages: ['hono'] },
  // Each command loads what it needs when it runs.
  'cli/sluice': {
    folders: [
      '.',
      'core',
      'outbox',
      'events',
      'idempotency',
      'saga',
      'queue',
      'drivers/postgres',
      'drivers/mysql',
      'eslint',
      'inspector',
      'inspector/postgres',
      'inspector/redis',
    ],
    packages: ['pg', 'eslint', 'ioredis'],
  },
  'cli/demo': {
    folders: [
      '.',
      'drivers/postgres',
      'drivers/mysql',
      'drivers/sqlite',
      'outbox',
      'queue',
      'queue/engines/bullmq',
      'queue/engines/pg-boss',
      'inspector',
    ],
    packages: [],
  },
};

/**
 * The folders inside of a folder, lowest first: each may import those before it, and none the files around them, which put them
 * together.
 */
export const inside: Readonly<Record<string, readonly string[]>> = {
  driver: ['statement.ts', 'sql.ts', 'dialect'],
  outbox: ['errors.ts', 'dialects.ts', 'message.ts', 'input.ts', 'tables.ts', 'inbox.ts', 'topics'],
  'drivers/postgres': ['sql', 'wire', 'connecting', 'prepared', 'exchange', 'ambient-pool'],
  'drivers/mysql': ['sql', 'wire', 'connecting', 'exchange', 'ambient-pool'],
  'frameworks/nestjs': ['decorated', 'parts', 'jobs', 'sagas', 'requests'],
  eslint: ['syntax', 'rules'],
  testing: [
    'ambient-test.ts',
    'in-time.ts',
    'production-names.ts',
    'refuse-production.ts',
    'short-place.ts',
    'text-of-value.ts',
    'call-trail.ts',
    'escaped.ts',
    'override.ts',
    'databases',
    'interleave',
    'repeatable',
  ],
  'testing/interleave': ['errors.ts', 'ask.ts', 'orders', 'judge', 'commuting', 'timeline.ts', 'anomaly.ts', 'kinds'],
  'testing/repeatable': ['finding.ts', 'attempts'],
  'testing/conformance': ['expect.ts', 'suite.ts', 'broker'],
  'inspector/page/browser': ['parts', 'now', 'time', 'lists'],
  inspector: ['work-views.ts', 'snapshot.ts', 'page', 'measure', 'look', 'desks', 'fleet', 'observe', 'http'],
  'cli/sluice': ['terminal', 'command-line', 'servers', 'init', 'doctor', 'verify', 'sagas', 'events'],
  saga: ['body', 'failure.ts', 'saga.ts', 'tables.ts', 'upkeep'],
};

/** Packages that two folders need: an integration binds Kysely, and models are built with it; pg-boss has connections of pg; the names of typeorm-transactional are about data sources; the command runs a rule in the ESLint of a program, and asks a fleet over the Redis of ioredis, as BullMQ does. */
export const shared: readonly string[] = ['kysely', 'pg', 'typeorm', 'knex', '@nestjs/common', 'eslint', 'ioredis'];
