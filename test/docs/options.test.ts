// The tables of options have all that the code takes, and nothing else.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const textOf = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

/** The options of an interface, from the report of the public API. */
function optionsOf(report: string, type: string): string[] {
  const [, body] = new RegExp(`^interface ${type}\\b[^{]*{\\n([\\s\\S]*?)^}`, 'm').exec(report) ?? [];
  if (body === undefined) throw new Error(`there is no interface ${type}`);
  return [...body.matchAll(/^ {4}(?:readonly )?(\w+)\??[:(]/gm)].map(([, name = '']) => name);
}

/** The options that the first table after some words has, in its first column. */
function tableAfter(page: string, words: string): string[] {
  const [, rest] = page.split(words);
  const [table = ''] = /(?:^\|.*\n)+/m.exec(rest ?? '') ?? [];
  const cells = table
    .split('\n')
    .slice(2, -1)
    .map((row) => row.split(' | ')[0] ?? '');
  // What is in brackets says of which calls it is an option.
  return cells.flatMap((cell) =>
    [...cell.replaceAll(/\([^)]*\)/g, '').matchAll(/`(\w+)/g)].map(([, name = '']) => name),
  );
}

describe.each<[page: string, words: string, entry: string, types: string[], own?: string[]]>([
  ['transactions', 'and the decorators take:', 'sluice', ['TransactionOptions']],
  ['transactions', '`createDatabase(options)` takes:', 'sluice', ['DatabaseOptions']],
  ['levels', 'Of `postgres()`, `mysql()` and `sqlite()`:', 'sluice', ['PoolOptions']],
  ['engines', 'Of `postgres()`;', 'sluice-postgres', ['PostgresOptions']],
  ['engines', 'Of `mysql()`:', 'sluice-mysql', ['MysqlOptions']],
  ['engines', 'Of `sqlite()`:', 'sluice-sqlite', ['SqliteOptions']],
  ['jobs', 'Of `createJobs(database, options)`:', 'sluice-queue', ['JobsOptions']],
  ['jobs', 'Of `defineQueue(name, options)`:', 'sluice-queue', ['QueueOptions']],
  ['jobs', 'Of `push` and `pushAsync`:', 'sluice-queue', ['CommonPushOptions', 'PushOptions', 'AwaitOptions']],
  ['jobs', '### pg-boss', 'sluice-queue-pg-boss', ['PgBossOptions']],
  ['jobs', '### BullMQ', 'sluice-queue-bullmq', ['BullmqOptions']],
  ['caching', 'Of `createCache(database, options)`', 'sluice-cache', ['CacheOptions']],
  ['caching', 'A rollback, and a transaction that touched nothing', 'sluice-cache-redis', ['RedisStoreOptions']],
  ['outbox', 'Of `createRelay(database, options)`:', 'sluice-outbox', ['RelayOptions']],
  ['transactional-events', 'Of `createEvents(database, options)`:', 'sluice-events', ['EventsOptions']],
  ['idempotency', 'Of `idempotent(database, options, handler)`:', 'sluice-idempotency', ['IdempotentOptions']],
  ['idempotency', 'Of `idempotency` of a route:', 'sluice-http', ['RouteIdempotencyOptions']],
  ['sagas', 'Of `createSagas(database, options)`:', 'sluice-saga', ['SagasOptions']],
  ['sagas', 'Of `saga.step(name, options, body)`:', 'sluice-saga', ['StepOptions']],
  [
    'two-phase',
    'Of `twoPhase(database, clientNames, body, options)`:',
    'sluice-experimental-two-phase',
    ['TwoPhaseOptions'],
  ],
  ['models', 'Of `defineModel<Row>(options)`:', 'sluice-model', ['ModelOptions']],
  ['models', 'Of `cache`;', 'sluice-model', ['ModelCacheOptions']],
  ['context', 'Of `createContextCarrier(database, options)`:', 'sluice', ['ContextCarrierOptions']],
  [
    'context',
    'Of `withContext(values, fn)`',
    'sluice',
    ['ChainContext', 'ContextOptions'],
    ['ancestors', 'deadline', 'enteredAt'],
  ],
  ['http', '`secret` and `maxAge`:', 'sluice-http', ['HttpContextOptions']],
  ['http', 'but for `signal`:', 'sluice-http', ['RouteTransactionOptions']],
  ['http', 'Of `shutdown(database, options)`:', 'sluice-http', ['ShutdownOptions']],
  ['testing', '## Options', 'sluice-testing', ['RollbackOptions']],
  ['testing', 'Of `proveRepeatable(database, options)`:', 'sluice-testing', ['ProveRepeatableOptions']],
  ['nestjs', '`SagasModule.forRoot(options)` takes', 'sluice-nestjs', ['SagasModuleOptions']],
  ['nestjs', '`SluiceModule.forRoot(options)` takes', 'sluice-nestjs', ['SluiceModuleOptions']],
  ['nestjs', '`JobsModule.forRoot(options)` takes', 'sluice-nestjs', ['JobsModuleOptions']],
])('docs/%s.md, %s', (page, words, entry, types, own = []) => {
  it('has all options of the code, and no others', () => {
    const report = textOf(`api/${entry}.api.md`);
    const options = types.flatMap((type) => optionsOf(report, type)).filter((name) => !own.includes(name));
    expect(options.length).toBeGreaterThan(0);
    const shown = tableAfter(textOf(`docs/${page}.md`), words);
    expect(new Set(shown)).toEqual(new Set(options));
  });
});

it('finds what was planted', () => {
  expect(
    optionsOf('interface Options<Name> extends Other {\n    readonly max?: number;\n    run(): void;\n}', 'Options'),
  ).toEqual(['max', 'run']);
  expect(
    tableAfter('Of it:\n\n| option | |\n|---|---|\n| `max`, `min` (`push`) | a |\n| `at(time)` | `no` |\n', 'Of it:'),
  ).toEqual(['max', 'min', 'at']);
});
