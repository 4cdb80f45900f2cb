import type { Db } from '../database/index.ts';
import type { QueryResult, Statement } from '../driver/index.ts';
import type { IdempotentCall } from './call.ts';
import { tables } from './tables.ts';

/** The key as the table has it. */
export interface KeyRow {
  /** The call that has it. */
  readonly claimant: string;
  /** A hash of what that one asked for. */
  readonly fingerprint: string;
  /** Its answer; none where it has not ended, which its own transaction alone can see. */
  readonly answer: string | null;
}

/** What names a claim. */
type Claimed = Pick<IdempotentCall<unknown>, 'db' | 'id' | 'scope' | 'fingerprint' | 'ttl'>;

/**
 * Claims a key in the transaction that is open here, and says whose it is then. Waits for another transaction that has claimed it
 * until that has ended.
 */
export async function claimKey({ db, ...claim }: Claimed, claimant: string): Promise<KeyRow> {
  const sql = tables.of(db);
  const [, { rows }] = await tables.guard(db, () =>
    // In this order, and where the engine can in one round trip.
    Promise.all([send(db, sql.claim({ ...claim, claimant })), send<KeyRow>(db, sql.find(claim.id))]),
  );
  const [row] = rows;
  if (row === undefined) throw new Error('A key that was claimed is not in sluice_idempotency');
  return row;
}

/** Stores the answer with its key, in the transaction of the claim. */
export async function storeAnswer({ db, id }: Claimed, claimant: string, answer: string): Promise<void> {
  await send(db, tables.of(db).answer(id, claimant, answer));
}

function send<Row>(db: Db, { text, values }: Statement): Promise<QueryResult<Row>> {
  return db.query<Row>(text, values);
}
