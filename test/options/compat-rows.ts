import {
  initializeTransactionalContext,
  Transactional,
  wrapInTransaction,
} from '../../src/compat/typeorm-transactional/index.ts';
import { noDatabase } from '../../src/testing/index.ts';
import { isolation, type Row } from './row.ts';
import { called, either, only, whole, words } from './values.ts';

const aSymbol = { good: [Symbol('sell')], accepts: (value: unknown) => typeof value === 'symbol' };

export const compatRows: readonly Row[] = [
  {
    interface: 'NoDatabaseOptions',
    entrance: 'noDatabase',
    call: noDatabase,
    options: { answer: called(() => []) },
  },
  {
    interface: 'TypeormTransactionalOptions',
    entrance: 'initializeTransactionalContext',
    call: initializeTransactionalContext,
    options: {
      maxHookHandlers: either(whole(0, 2_147_483_647), only(Number.POSITIVE_INFINITY)),
      storageDriver: only('AUTO', 'CLS_HOOKED', 'ASYNC_LOCAL_STORAGE'),
    },
  },
  ...(
    [
      ['Transactional', Transactional],
      ['wrapInTransaction', (options: never) => wrapInTransaction(() => Promise.resolve(), options)],
    ] as const
  ).map(([entrance, call]) => ({
    interface: 'WrapInTransactionOptions',
    entrance,
    call,
    options: {
      connectionName: words(200),
      propagation: only('REQUIRED', 'REQUIRES_NEW', 'NESTED', 'MANDATORY'),
      isolationLevel: isolation,
      name: either(words(200), aSymbol),
    },
  })),
];
