/** What users do with their library. Each library has usages of each topic, or says why there can be none. */
export const topics = [
  'retries',
  'nested transactions that fail',
  'transactions begun by hand',
  'handles from before and from inside',
  'extended and derived clients',
  'two clients in parallel',
  'implicit transactions',
  'words for independence',
  'timeouts, cancelling and signals',
  'streams and cursors',
  'lazy results',
  'pessimistic locks',
  'hooks and events',
  'migrations',
  'the shape of errors',
  'promises of commit',
] as const;

export type Topic = (typeof topics)[number];
