// Sluices with a part of what keeps effects right taken out. Chaos has to find each of them, or its proofs prove nothing.
import type { EngineName } from '../settings.ts';

export interface ChaosMutant {
  readonly name: string;
  /** On which it is looked for. Default: PostgreSQL. */
  readonly engine?: EngineName;
  /** Below `src`. */
  readonly file: string;
  /** Occurs there once. */
  readonly find: string;
  readonly replace: string;
}

const transactions: readonly ChaosMutant[] = [
  {
    name: 'a transaction that commits although its body has thrown',
    file: 'transaction/begin.ts',
    find: "if (done.type === 'thrown' || refused) return transaction.rollback();",
    replace: 'if (refused) return transaction.rollback();',
  },
  {
    name: 'hooks after the commit that run before it',
    file: 'transaction/begin.ts',
    find: 'const ending = await endTransaction(transaction, unit, done);',
    replace: `if (done.type !== 'thrown')
      for (const hook of unit.hooks?.take('committed') ?? []) await hook.inContext(async () => await hook.run());
    const ending = await endTransaction(transaction, unit, done);`,
  },
  {
    name: 'a savepoint that is not rolled back',
    file: 'transaction/nest.ts',
    find: 'await transaction.rollbackTo(unit);',
    replace: '',
  },
  {
    name: 'a COMMIT whose lost answer is taken for success',
    file: 'connection/physical-transaction.ts',
    find: 'if (isLostWithCommit(exchange)) return await this.#resolve(exchange.failure);',
    replace: "if (isLostWithCommit(exchange)) return this.#end('committed');",
  },
  {
    name: 'a COMMIT whose lost answer is taken for a rollback',
    file: 'connection/physical-transaction.ts',
    find: 'if (isLostWithCommit(exchange)) return await this.#resolve(exchange.failure);',
    replace: 'if (isLostWithCommit(exchange)) return this.#endLost(exchange.failure.error);',
  },
  {
    name: 'the same on MariaDB',
    engine: 'mariadb',
    file: 'connection/physical-transaction.ts',
    find: 'if (isLostWithCommit(exchange)) return await this.#resolve(exchange.failure);',
    replace: 'if (isLostWithCommit(exchange)) return this.#endLost(exchange.failure.error);',
  },
  {
    name: 'a body that is repeated although its COMMIT may have happened',
    file: 'transaction/retry.ts',
    find: "if (transaction.outcome !== 'rolledBack' || !('error' in result)) return false;",
    replace: `if (transaction.outcome === 'unknown') return true;
  if (transaction.outcome !== 'rolledBack' || !('error' in result)) return false;`,
  },
  {
    name: 'a COMMIT that is looked up while the server may still carry it out',
    file: 'drivers/postgres/commit-probe.ts',
    find: "if (status !== 'in progress') return undefined;",
    replace: "return status === 'in progress' ? 'rolledBack' : undefined;",
  },
  {
    name: 'a COMMIT that is looked up too early on MariaDB',
    engine: 'mariadb',
    file: 'drivers/mysql/commit-probe.ts',
    find: "WHERE id = x'${id}' LOCK IN SHARE MODE`",
    replace: "WHERE id = x'${id}'`",
  },
];

const connections: readonly ChaosMutant[] = [
  {
    name: 'a pool that lends connections above its budget',
    file: 'pool/settings.ts',
    find: 'const budget = read.budget ?? max + maxLevel;',
    replace: 'const budget = read.budget ?? max + 2 * maxLevel;',
  },
  {
    name: 'a pool that keeps no connection for those who hold one already',
    file: 'pool/admission.ts',
    find: 'if (used !== 0 && this.budget - this.#total - this.#unused <= 0) return false;',
    replace: 'if (this.budget - this.#total <= 0) return false;',
  },
  {
    name: 'a pool that gives the place of a lost connection to nobody',
    file: 'pool/pool.ts',
    find: `    this.#admission.give(lease.level);
    const { unfit } = lease.connection;`,
    replace: `    if (sound) this.#admission.give(lease.level);
    const { unfit } = lease.connection;`,
  },
  {
    name: 'a ROLLBACK that lets go of the transaction without undoing it',
    file: 'connection/transaction-connection.ts',
    find: 'const steps = [rollbackStep];',
    replace: 'const steps = [commitStep];',
  },
];

const messages: readonly ChaosMutant[] = [
  {
    name: 'an outbox that deletes before it has published',
    file: 'outbox/hand-over.ts',
    find: 'isWatched(deliverTrace) ? this.#traceDelivery(rows, handOver) : handOver()',
    replace: 'Promise.resolve(void handOver().catch(() => {}))',
  },
  {
    name: 'an outbox that forgets messages whose delivery has failed',
    file: 'outbox/hand-over.ts',
    find: 'const done = rows.filter((row) => !errors.has(row.job_id));',
    replace: 'const done = rows;',
  },
  {
    name: 'messages that are written beside the transaction of their sender',
    file: 'outbox/outbox.ts',
    find: 'if (only !== undefined && more.length === 0) await db.query(only.text, only.values);',
    replace: `if (only !== undefined && more.length === 0)
      await db.transaction.begin(() => db.query(only.text, only.values), { propagation: 'REQUIRES_NEW' });`,
  },
  {
    name: 'an inbox whose row is not written',
    file: 'outbox/inbox.ts',
    find: 'await withTables(db, () => db.query(text, values, { last: true }));',
    replace: 'void [text, values];',
  },
  {
    name: 'an inbox whose row is written beside the effects',
    file: 'outbox/inbox.ts',
    find: 'await withTables(db, () => db.query(text, values, { last: true }));',
    replace: "await db.transaction.begin(() => db.query(text, values), { propagation: 'REQUIRES_NEW' });",
  },
  {
    name: 'an event that is completed in another transaction than that of its listener',
    file: 'events/attempt.ts',
    find: `const result = await run(payload, { id: row.event_id, name: row.event, publishedAt, attempt: row.attempts, signal });`,
    replace: `const info = { id: row.event_id, name: row.event, publishedAt, attempt: row.attempts, signal };
  const result = await db.transaction.begin(() => run(payload, info), { propagation: 'REQUIRES_NEW' });`,
  },
  {
    name: 'an event that is completed before its listener has run',
    file: 'events/attempt.ts',
    find: 'if (isHeld) await runListener(attempt, ended.signal);',
    replace: `if (isHeld) {
      for (const { text, values } of sql.complete(completion, row.id)) await db.query(text, values);
      db.afterCommit(() => void db.transaction.begin(() => runListener(attempt, ended.signal)).catch(() => {}));
    }`,
  },
];

const jobs: readonly ChaosMutant[] = [
  {
    name: 'a job that is pushed before the commit',
    file: 'queue/queue.ts',
    find: "const now = open === undefined || options.when === 'now';",
    replace: 'const now = true;',
  },
  {
    name: 'a job that is acknowledged before its effects are committed',
    engine: 'mariadb',
    file: 'queue/run-job.ts',
    find: 'return await inTransaction(runner, delivery, { db, body, signal, usesInbox });',
    replace: `inTransaction(runner, delivery, { db, body, signal, usesInbox }).catch(() => {});
  return { type: 'completed', outcome: { type: 'completed' } };`,
  },
  {
    name: 'a job that is acknowledged behind the transaction of its effects',
    file: 'queue/run-job.ts',
    find: 'if (delivery.acknowledge !== undefined && isEngineClient) {',
    replace: 'if (delivery.acknowledge !== undefined && isEngineClient && false) {',
  },
];

const calls: readonly ChaosMutant[] = [
  {
    name: 'a key that is claimed in a transaction of its own',
    file: 'idempotency/attempt.ts',
    find: 'const row = await claimKey(call, this.#claimant);',
    replace: `const claim = (): Promise<KeyRow> => claimKey(call, this.#claimant);
    const row = await call.db.transaction.begin(claim, { propagation: 'REQUIRES_NEW' });`,
  },
  {
    name: 'a key that is not looked at',
    file: 'idempotency/attempt.ts',
    find: 'if (row.claimant !== this.#claimant) return this.#replay(row);',
    replace: '',
  },
];

const sagas: readonly ChaosMutant[] = [
  {
    name: 'a lost fence of sagas',
    file: 'saga/records.ts',
    find: 'where saga = $1 and id = $2 and fence = $9 ${lockShared}',
    replace: 'where saga = $1 and id = $2 and $9 >= 0 ${lockShared}',
  },
  {
    name: 'a compensation without its record',
    file: 'saga/compensate.ts',
    find: 'await client.records.write(record);',
    replace: 'void record;',
  },
  {
    name: 'a step whose record is written behind its transaction',
    file: 'saga/steps.ts',
    find: `        await records.write(written);
      },`,
    replace: `        const record = written;
        db.afterCommit(() => records.writeAlone(record));
      },`,
  },
];

const caches: readonly ChaosMutant[] = [
  {
    name: 'a cache that keeps what was replaced',
    file: 'cache/commit.ts',
    find: 'tags.push(...overlay.dirty);',
    replace: '',
  },
  {
    name: 'a cache that shows what was rolled back',
    file: 'cache/commit.ts',
    find: "outcome === 'committed' ? this.#announced.values : noValues",
    replace: 'this.#announced.values',
  },
];

export const chaosMutants: readonly ChaosMutant[] = [
  ...transactions,
  ...connections,
  ...messages,
  ...jobs,
  ...calls,
  ...sagas,
  ...caches,
];
