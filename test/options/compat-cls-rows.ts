import * as cls from '../../src/compat/nestjs-cls/index.ts';
import type { Row } from './row.ts';
import { either, list, only, some, truth, words } from './values.ts';

const anything = { good: ['token'], accepts: () => true };
const anObject = { good: [{}], accepts: (value: unknown) => typeof value === 'object' && value !== null };

const adapterRow = (library: string, token: string, call: (options: never) => unknown): Row => ({
  interface: `${library}TransactionalAdapterOptions`,
  entrance: `TransactionalAdapter${library}`,
  call,
  base: () => ({ [token]: 'token' }),
  options: { [token]: anything, defaultTxOptions: anObject },
});

const drizzle = adapterRow(
  'DrizzleOrm',
  'drizzleInstanceToken',
  (options) => new cls.TransactionalAdapterDrizzleOrm(options),
);
const prisma = adapterRow('Prisma', 'prismaInjectionToken', (options) => new cls.TransactionalAdapterPrisma(options));

export const compatClsRows: readonly Row[] = [
  adapterRow('TypeOrm', 'dataSourceToken', (options) => new cls.TransactionalAdapterTypeOrm(options)),
  adapterRow('Kysely', 'kyselyInstanceToken', (options) => new cls.TransactionalAdapterKysely(options)),
  adapterRow('Knex', 'knexInstanceToken', (options) => new cls.TransactionalAdapterKnex(options)),
  { ...drizzle, options: { ...drizzle.options, transactionMode: only('auto', 'sync', 'async') } },
  { ...prisma, options: { ...prisma.options, sqlFlavor: only('postgresql', 'mysql', 'mariadb', 'sqlite') } },
  {
    interface: 'NoOpTransactionalAdapterOptions',
    entrance: 'NoOpTransactionalAdapter',
    call: (options) => new cls.NoOpTransactionalAdapter(options),
    base: () => ({ tx: {} }),
    options: { tx: anything, txToken: some(), disableWarning: truth },
  },
  {
    interface: 'TransactionalPluginOptions',
    entrance: 'ClsPluginTransactional',
    call: (options) => new cls.ClsPluginTransactional(options),
    base: () => ({ adapter: new cls.TransactionalAdapterKnex({ knexInstanceToken: 'knex' }) }),
    options: {
      adapter: either(some(new cls.TransactionalAdapterKnex({ knexInstanceToken: 'knex' })), anObject),
      imports: list,
      connectionName: words(200),
      enableTransactionProxy: truth,
    },
  },
];
