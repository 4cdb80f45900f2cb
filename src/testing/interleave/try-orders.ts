import type { TransactionalClient } from '../../connection/index.ts';
import type { ErrorDetails } from '../../core/index.ts';
import type { Database } from '../../database/index.ts';
import type { LockProbe } from '../../driver/index.ts';
import { InterleaveActorError, InterleaveSetupError } from './errors.ts';
import { type Commuting, openCommuting } from './commuting/index.ts';
import { openTables } from './judge/index.ts';
import { Schemas } from './kinds/index.ts';
import type { InterleaveOptions } from './options.ts';
import { InterleaveReport } from './report.ts';
import { tryRemedies } from './remedies.ts';
import { Trial } from './trial.ts';
import { Gate, type Passage, type Rewrite, type Stage } from './orders/index.ts';

const asker = {
  name: 'interleave',
  each: 'order',
  otherwise: ', or give an "invariant"',
  error: (details: ErrorDetails) => new InterleaveSetupError(details),
};

/** Runs the actors in one order after the other. */
export async function tryOrders(
  database: Database,
  clients: readonly TransactionalClient[],
  options: InterleaveOptions,
): Promise<InterleaveReport> {
  const probes = new Map<TransactionalClient, Promise<LockProbe | undefined>>();
  const end = new AbortController();
  const stages: Omit<Stage, 'gate' | 'bodies'> = {
    timeout: options.timeout ?? 10_000,
    check: refuseSchemaChange,
    async blockersOf(client, backend, suspects) {
      const opening = probes.get(client) ?? Promise.resolve(client.driver.openLockProbe?.(end.signal));
      probes.set(client, opening);
      return (await (await opening)?.blockersOf(backend, suspects)) ?? { blockers: [], relation: undefined };
    },
    isConnecting: () => clients.some(({ pool }) => pool.stats().opening > 0),
    abort(error) {
      for (const { work } of clients) for (const each of work) each.abort(error);
    },
  };
  const open = (bodies: Stage['bodies'], rewrite?: Rewrite): Stage => {
    const gate = new Gate(rewrite);
    for (const client of clients) client.pool.tap = (connection) => gate.stand(client, connection);
    return { ...stages, gate, bodies };
  };
  // A second call is refused from here on.
  for (const { pool } of clients) pool.tap = () => () => undefined;
  let opened: Awaited<ReturnType<typeof openTables>> | undefined;
  try {
    const { invariant, tables, maxRows = 1_000 } = options;
    if (invariant === undefined) opened = await openTables(clients, { tables, maxRows }, asker);
    let known: Promise<Commuting> | undefined;
    const commuting = (): Promise<Commuting> => (known ??= openCommuting(clients));
    let named: Promise<Schemas> | undefined;
    const schemas = (): Promise<Schemas> => (named ??= Schemas.open(clients));
    const judged = { clients, tables: opened?.tables, commuting, schemas };
    const trial = new Trial(open(options.actors), options, judged);
    const findings = await trial.run();
    const remedies = await tryRemedies(trial, findings, { database, options, judged, open });
    return new InterleaveReport({ ...findings, remedies });
  } finally {
    await opened?.close();
    for (const { pool } of clients) pool.tap = undefined;
    end.abort(new Error('all orders were tried'));
    for (const opening of probes.values()) await opening.then((probe) => probe?.close()).catch(() => undefined);
  }
}

const schemaChange = /^\s*(?:create|alter|drop|rename|truncate|grant|revoke|vacuum|reindex)\b(?!\s+(?:local\s+)?temp)/i;

/** @throws InterleaveActorError */
function refuseSchemaChange({ actor, statements, place }: Passage): void {
  const found = statements.find(({ text }) => schemaChange.test(text));
  if (found === undefined) return;
  const verb = schemaChange.exec(found.text)?.[0].trim().toUpperCase();
  const by = `${verb}${place === undefined ? '' : ` at ${place}`}`;
  if (verb === 'TRUNCATE')
    throw new InterleaveActorError({
      what: `The actor "${actor.name}" empties a table outside of the order of transactions (${by}): others see that at once, or never`,
      remedy: 'Write DELETE there',
    });
  throw new InterleaveActorError({
    what: `The actor "${actor.name}" changes the schema (${by}), which no setup takes back`,
    remedy: 'Make the tables before interleave is called',
  });
}
