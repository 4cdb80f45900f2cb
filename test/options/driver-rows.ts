import { mysql } from '../../src/drivers/mysql/index.ts';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { createDatabase } from '../../src/index.ts';
import { type Row } from './row.ts';
import { called, canBeRead, either, only, some, thing, timer, truth, whole, words, milliseconds } from './values.ts';

const types = { getTypeParser: () => String };
const open = (definition: unknown): unknown => createDatabase({ clients: { default: definition as never } });
const pool = {
  max: whole(1, 100_000),
  maxLevel: whole(0, 64),
  budget: whole(5, 100_000, 14),
  acquireTimeout: milliseconds(1, timer),
  idleTimeout: milliseconds(0, timer),
  maxLifetime: milliseconds(0, timer),
  validateAfter: milliseconds(0, timer),
  leakThreshold: milliseconds(0, timer),
};

export const driverRows: readonly Row[] = [
  { interface: 'PoolOptions', entrance: 'a client', call: (options) => open(postgres(options)), options: pool },
  {
    interface: 'PostgresOptions',
    entrance: 'postgres',
    call: (options) => open(postgres(options)),
    options: {
      ...pool,
      connectionString: some('postgres://shop@127.0.0.1:1/shop'),
      host: words(1_000),
      port: whole(1, 65_535),
      database: words(200),
      user: words(200),
      targetSessionAttrs: only('any', 'read-write'),
      password: either(
        called(() => 'x'),
        { good: ['x'], accepts: (value) => typeof value === 'string' },
      ),
      ssl: either(truth, { good: [{}], accepts: (value) => thing().accepts(value) && canBeRead(value) }),
      applicationName: words(63),
      options: words(10_000),
      preparedStatements: either(truth, whole(0, 100_000)),
      pipelining: truth,
      maxResultBytes: whole(1_024, Number.MAX_SAFE_INTEGER),
      shareReads: truth,
      followCommits: truth,
      types: some(types),
      resolveCommit: either(truth, only('rows')),
      settings: called(() => ({})),
    },
  },
  {
    interface: 'AmbientPoolOptions',
    entrance: 'ambientPool',
    call: (options, { far }) => ambientPool(far, undefined, options),
    options: { types: some(types) },
  },
  {
    interface: 'MysqlOptions',
    entrance: 'mysql',
    call: (options) => open(mysql(options)),
    options: {
      ...pool,
      uri: some('mysql://root@127.0.0.1:1/shop'),
      host: words(1_000),
      port: whole(1, 65_535),
      socketPath: words(1_000),
      user: words(200),
      password: either(
        called(() => 'x'),
        { good: ['x'], accepts: (value) => typeof value === 'string' },
      ),
      database: words(200),
      ssl: either(truth, thing({})),
      charset: only('utf8mb4', 'cp1251', 'utf8mb4_bin'),
      timezone: only('local', 'Z', '+01:00'),
      preparedStatements: whole(1, 10_000),
      settings: called(() => ({})),
      resolveCommit: truth,
      pipelining: truth,
      maxResultBytes: whole(1_024, Number.MAX_SAFE_INTEGER),
    },
  },
  {
    interface: 'SqliteOptions',
    entrance: 'sqlite',
    call: (options) => open(sqlite(options)),
    options: {
      ...pool,
      max: whole(1, 1),
      budget: whole(5, 100_000, 14),
      file: {
        good: [':memory:'],
        accepts: (value) => typeof value === 'string' && words(4_000).accepts(value.toWellFormed()),
      },
      busyTimeout: milliseconds(0, timer),
    },
  },
];
