import type { Db } from '../../database/index.ts';
import { TwoPhaseAbortedError } from './errors.ts';
import { tables } from './tables.ts';

/** Of a transaction that has not ended on all of its clients. */
export type Decision = 'committed' | 'aborted';

/** How long recovery waits for a coordinator that is writing its decision, in milliseconds. */
const patience = 5_000;

/**
 * Writes that a transaction commits, in the transaction on its first client: both are there or neither.
 * @throws TwoPhaseAbortedError where a recovery has decided before
 */
export async function writeCommitted(db: Db, id: string, clientNames: readonly string[]): Promise<void> {
  const text = `insert into sluice_two_phase (id, decision, clients, decided_at) values ($1, 'committed', $2, $3)`;
  try {
    await tables.query(db, { text, values: [id, JSON.stringify(clientNames), Date.now()] });
  } catch (cause) {
    if (!tables.of(db).isDuplicate(cause)) throw cause;
    throw new TwoPhaseAbortedError({
      what: 'A two-phase commit was rolled back by a recovery, which took its process for dead: it had been prepared for too long',
      remedy: 'Run it again. Where that happens to live processes, raise "abandonedAfter" of recoverTwoPhase',
      cause,
      at: { clientName: db.clientName },
    });
  }
}

/**
 * What is decided of a transaction. Where nothing is, it is decided now that it is rolled back, so that its coordinator,
 * should it be alive, can no longer decide otherwise.
 */
export async function decide(db: Db, id: string): Promise<Decision> {
  const { insertNew, orNothing } = tables.of(db);
  return await db.transaction.begin(
    async () => {
      await tables.query(db, {
        text: `${insertNew} sluice_two_phase (id, decision, clients, decided_at) values ($1, 'aborted', '[]', $2) ${orNothing}`,
        values: [id, Date.now()],
      });
      const { rows } = await tables.query<{ decision: Decision }>(db, {
        text: 'select decision from sluice_two_phase where id = $1',
        values: [id],
      });
      return rows[0]?.decision ?? 'aborted';
    },
    // The decision of another is to be seen that was written while this one waited for it.
    { isolationLevel: 'READ_COMMITTED', timeout: patience, name: 'recovery of two-phase commits' },
  );
}

/** A decision to commit, and the clients on which it has to be carried out. */
export interface CommittedRow {
  readonly id: string;
  readonly clientNames: readonly string[];
}

/** Some that were made by a time. @param before in milliseconds since 1970 */
export async function readCommitted(db: Db, before: number): Promise<readonly CommittedRow[]> {
  const { rows } = await tables.query<{ id: string; clients: string }>(db, {
    text: `select id, clients from sluice_two_phase where decision = 'committed' and decided_at <= $1 limit 1000`,
    values: [before],
  });
  return rows.map(({ id, clients }) => ({ id, clientNames: JSON.parse(clients) as string[] }));
}

/** Forgets decisions that were carried out everywhere. */
export async function forget(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const list = ids.map((_, index) => `$${index + 1}`).join(', ');
  await tables.query(db, { text: `delete from sluice_two_phase where id in (${list})`, values: ids });
}
