import { forgetExpiredKeys, idempotent } from '../../src/ports/idempotency/index.ts';
import { isolation, type Row } from './row.ts';
import { bytes, either, emptyObject, line, milliseconds, only, some, timer, whole, words } from './values.ts';

/** Of calls, and of routes of servers. */
export const keptOptions: Row['options'] = {
  ttl: milliseconds(1, timer),
  timeout: milliseconds(1, timer, 5_000),
  maxAnswerBytes: bytes(1, 64 * 1024 * 1024),
};

const call = { key: '7', scope: 'sell' };
const transaction = {
  propagation: only('REQUIRED', 'REQUIRES_NEW', 'NESTED', 'MANDATORY'),
  isolationLevel: isolation,
  timeout: milliseconds(1, timer, 5_000),
  signal: some(new AbortController().signal),
  retry: some({ attempts: 2 }),
  name: words(200),
};

export const idempotencyRows: readonly Row[] = [
  {
    interface: 'IdempotentOptions',
    entrance: 'idempotent',
    call: (options, { database }) => idempotent(database, options, () => 1),
    base: () => call,
    codes: ['IDEMPOTENCY_KEY', 'UNKNOWN_CLIENT'],
    options: {
      ...keptOptions,
      key: line(255, '7'),
      scope: line(500, 'sell'),
      fingerprint: either(some('', new Uint8Array(3)), {
        good: [],
        accepts: (value) => typeof value === 'string',
      }),
      clientName: only('default'),
      transaction: either(some({ retry: { attempts: 2 } }), emptyObject),
    },
  },
  {
    interface: 'IdempotentTransactionOptions',
    entrance: 'transaction',
    call: (options, { database }) => idempotent(database, { ...call, transaction: options }, () => 1),
    options: transaction,
  },
  {
    interface: 'ForgetOptions',
    entrance: 'forgetExpiredKeys',
    call: (options, { database }) => forgetExpiredKeys(database.current, options),
    options: { limit: whole(1, 10_000) },
  },
];
