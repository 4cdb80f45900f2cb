import { runBare, runBareAtEnd } from '../context/index.ts';
import { sleep, systemClock } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { type QueryResult, type SagasDialect, type Statement, statement } from '../driver/index.ts';
import { isInTheWay } from './failure.ts';
import { toJson, type WriteOptions } from '../payload/index.ts';
import {
  type ClaimedSaga,
  type ClaimRow,
  claimed,
  columns,
  type ParentStep,
  parentIn,
  type StoredStatus,
} from './claim.ts';
import { storedId, tables } from './tables.ts';

export type { ClaimedSaga, ParentStep, StoredStatus } from './claim.ts';

/** What is stored of a value; `null` for `undefined`. @throws UnserializableError, PayloadTooLargeError */
export function stored(what: string, value: unknown, limit: number, options?: WriteOptions): string | null {
  return toJson(what, value, limit, 'createSagas', options).json ?? null;
}

/** The same of what a function returned. */
export function storedResult(what: string, value: unknown, limit: number): string | null {
  return stored(what, value, limit, { functions: 'left out' });
}

/** A value as it arrives after it was stored. */
export function fromJson(json: string | null): unknown {
  return json === null ? undefined : JSON.parse(json);
}

/** A saga to be started. */
export interface NewSaga {
  readonly saga: string;
  readonly id: string;
  readonly definition: string;
  readonly input: string | null;
  readonly context: string;
  readonly seed: string;
  readonly parent: ParentStep | undefined;
  /** In milliseconds since 1970. */
  readonly createdAt: number;
}

/** As who has just written it, and drives it, knows it. */
export function claimOf(saga: NewSaga): ClaimedSaga {
  return { ...saga, status: 'running', failure: null, cancelled: false, fence: 1, attempts: 0, signals: 0 };
}

/** Where a saga stands, for those who wait for it. */
export interface SagaState {
  readonly saga: string;
  readonly id: string;
  readonly status: StoredStatus;
  readonly result: string | null;
  readonly failure: string | null;
  readonly stuck: string | null;
}

/** What becomes of a saga that is let go of. */
export interface Release {
  /** When it is due again, in milliseconds from now; nothing: when it is signalled. */
  readonly wakeIn: number | undefined;
  /** JSON: what it waits for, or the error after which it is tried again. */
  readonly waitsFor: string | null;
  readonly attempts: number;
  /** JSON: why it is stuck. */
  readonly stuck: string | null;
}

/** One that has ended stays so, although the answer to that may have been lost. */
const stillClaimed = 'saga = $1 and id = $2 and fence = $3 and ended_at is null';
/** How what others are in the way of is repeated. */
const attempts = 5;
export const repeated: { readonly retry: { readonly attempts: number } } = { retry: { attempts } };

/** The table of sagas on the client that they live on. */
export class SagaStore {
  readonly db: Db;
  readonly #sql: SagasDialect;

  constructor(db: Db) {
    this.db = db;
    this.#sql = tables.of(db);
  }

  /** Whether a transaction that writes waits for any other one. */
  get takesTurns(): boolean {
    return this.#sql.lockFree === '';
  }

  /**
   * Writes a saga that a free process takes, in the transaction that is open here.
   * @returns whether it is new; otherwise there is one with this id, and nothing was written
   */
  async insert(saga: NewSaga): Promise<boolean> {
    const { rowCount } = await this.#change(this.#insertion(saga, 0));
    return rowCount === 1;
  }

  /**
   * Writes a saga that belongs to who starts it, for as long as the lease lasts.
   * @returns the time of the server; nothing where there is one with this id
   */
  async insertClaimed(saga: NewSaga, lease: number): Promise<number | undefined> {
    const insertion = this.#insertion(saga, lease);
    const [inserted, , time] = await tables.guard(this.db, () =>
      runBare(() =>
        this.db.transaction.batch(
          [
            statement(insertion.text, insertion.values),
            statement(this.#sql.raiseFence, [saga.saga, saga.id, 1]),
            statement<{ now: number | string }>(`select ${this.#sql.now} as now`),
          ],
          repeated,
        ),
      ),
    );
    return inserted.rowCount === 1 ? Number(time.rows[0]?.now) : undefined;
  }

  #insertion(saga: NewSaga, lease: number): { readonly text: string; readonly values: readonly unknown[] } {
    const { now, insertNew, orNothing } = this.#sql;
    const { parent } = saga;
    return {
      text: `${insertNew} sluice_saga (saga, id, definition, status, input, context, seed, wake_at, lease_until, fence,
          parent_saga, parent_id, parent_step, created_at)
        values ($1, $2, $3, 'running', $4, $5, $6, ${now}, ${lease === 0 ? '0' : `${now} + ${lease}`}, 1, $7, $8, $9, $10)
        ${orNothing}`,
      values: [
        saga.saga,
        saga.id,
        saga.definition,
        saga.input,
        saga.context,
        saga.seed,
        parent?.saga ?? null,
        parent?.id ?? null,
        parent?.step ?? null,
        saga.createdAt,
      ],
    };
  }

  /** Takes sagas that are due, so that no other driver takes them for as long as the lease lasts. */
  async claim(definitions: readonly string[], limit: number, lease: number): Promise<readonly ClaimedSaga[]> {
    const { now, lockFree } = this.#sql;
    const names = definitions.map((_, at) => `$${at + 1}`).join(', ');
    const due = `from sluice_saga where wake_at <= ${now} and lease_until <= ${now} and stuck is null
      and ended_at is null and definition in (${names})`;
    // Most often there are none, which needs no transaction.
    const { rows: some } = await tables.query(this.db, { text: `select 1 as one ${due} limit 1`, values: definitions });
    if (some.length === 0) return [];
    return await this.db.transaction.begin(
      async () => {
        const { rows } = await tables.query<ClaimRow>(this.db, {
          text: `select ${columns} ${due} order by wake_at limit $${definitions.length + 1} ${lockFree}`,
          values: [...definitions, limit],
        });
        if (rows.length === 0) return [];
        // By what is locked already: by their names, InnoDB would lock the entry of an index that others lock before the row.
        const taken = await this.db.batch(
          rows.map(({ number, fence }) =>
            statement(
              `update sluice_saga set fence = fence + 1, lease_until = ${now} + ${lease} where number = $1 and fence = $2`,
              [number, Number(fence)],
            ),
          ),
        );
        return rows.filter((_, at) => taken[at]?.rowCount === 1).map(claimed);
      },
      { name: 'sagas: claim', isolationLevel: 'READ_COMMITTED', ...repeated },
    );
  }

  /** Keeps sagas for those who drive them. @returns how many belong to them still */
  async extend(those: readonly ClaimedSaga[], lease: number): Promise<number> {
    if (those.length === 0) return 0;
    const { now } = this.#sql;
    const each = those.map((_, at) => `(saga = $${at * 3 + 1} and id = $${at * 3 + 2} and fence = $${at * 3 + 3})`);
    const { rowCount } = await this.#change({
      text: `update sluice_saga set lease_until = ${now} + ${lease}
        where ended_at is null and (${each.join(' or ')})`,
      values: those.flatMap(({ saga, id, fence }) => [saga, id, fence]),
    });
    return rowCount ?? 0;
  }

  /** Which of these sagas belong to those who have claimed them. */
  async owned(those: readonly ClaimedSaga[]): Promise<ReadonlySet<ClaimedSaga>> {
    const each = those.map((_, at) => `(saga = $${at * 2 + 1} and id = $${at * 2 + 2})`).join(' or ');
    const { rows } = await tables.query<Pick<ClaimRow, 'saga' | 'id' | 'fence'>>(this.db, {
      text: `select saga, id, fence from sluice_saga where ${each}`,
      values: those.flatMap(({ saga, id }) => [saga, id]),
    });
    const nameOf = ({ saga, id, fence }: (typeof rows)[number]): string => JSON.stringify([saga, id, Number(fence)]);
    const found = new Set(rows.map(nameOf));
    return new Set(those.filter((claim) => found.has(nameOf(claim))));
  }

  /** Lets go of a saga, unless another one has taken it. One that was signalled since it was claimed is due at once. */
  async release(claim: ClaimedSaga, { wakeIn, waitsFor, attempts, stuck }: Release): Promise<void> {
    const { now } = this.#sql;
    const wake = wakeIn === undefined ? 'null' : `${now} + ${Math.ceil(wakeIn)}`;
    const released = {
      text: `update sluice_saga set wake_at = case when signals > $4 then ${now} else ${wake} end,
          lease_until = 0, waits_for = $5, attempts = $6, stuck = $7
        where ${stillClaimed}`,
      values: [claim.saga, claim.id, claim.fence, claim.signals, waitsFor, attempts, stuck],
    };
    await runBareAtEnd(() => this.#change(released));
  }

  /** From here on the steps are undone. @returns false where another one has taken the saga */
  async fail(claim: ClaimedSaga, failure: string): Promise<boolean> {
    const { rowCount } = await this.#change({
      text: `update sluice_saga set status = 'compensating', failure = $4, attempts = 0
        where ${stillClaimed}`,
      values: [claim.saga, claim.id, claim.fence, failure],
    });
    return rowCount === 1;
  }

  /** Ends a saga, and tells the one that waits for it. @returns false where another one has taken it */
  async end(claim: ClaimedSaga, status: StoredStatus, result: string | null): Promise<boolean> {
    const { parent } = claim;
    if (parent === undefined) return await this.#end(claim, status, result);
    return await this.db.transaction.begin(async () => {
      if (!(await this.#end(claim, status, result))) return false;
      const failure =
        status === 'completed' ? null : (claim.failure ?? '{"name":"Error","message":"it was cancelled"}');
      await this.signal(parent.saga, parent.id, `child:${parent.step}`, result, failure);
      return true;
    }, repeated);
  }

  /** Changes the table; by itself again where others were in the way. */
  async #change(change: Statement): Promise<QueryResult> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await tables.query(this.db, change);
      } catch (error) {
        if (this.db.inTransaction || attempt === attempts || !isInTheWay(error)) throw error;
        await sleep(systemClock, 10 * attempt * Math.random());
      }
    }
  }

  async #end(claim: ClaimedSaga, status: StoredStatus, result: string | null): Promise<boolean> {
    const { now } = this.#sql;
    const { rowCount } = await this.#change({
      text: `update sluice_saga set status = $4, result = $5, wake_at = null, lease_until = 0, waits_for = null,
          ended_at = ${now} where ${stillClaimed}`,
      values: [claim.saga, claim.id, claim.fence, status, result],
    });
    return rowCount === 1;
  }

  /**
   * Stores a signal and wakes the saga, in the transaction that is open here.
   * @returns whether there is a saga that has not ended; one with this signal already stays as it is
   */
  async signal(saga: string, id: string, name: string, data: string | null, failure: string | null): Promise<boolean> {
    const { now, insertNew, orNothing } = this.#sql;
    const { rowCount } = await this.#change({
      text: `update sluice_saga set signals = signals + 1, wake_at = case when stuck is null then ${now} end
        where saga = $1 and id = $2 and ended_at is null`,
      values: [saga, id],
    });
    if (rowCount === 0) return false;
    await this.#change({
      text: `${insertNew} sluice_saga_signal (saga, id, name, data, failure, at) values ($1, $2, $3, $4, $5, ${now}) ${orNothing}`,
      values: [saga, id, name, data, failure],
    });
    return true;
  }

  /** The same in a transaction of its own where none is open here, which is repeated where others were in the way. */
  async signalWhole(saga: string, id: string, name: string, data: string | null): Promise<boolean> {
    return await this.db.transaction.begin(() => this.signal(saga, id, name, data, null), repeated);
  }

  /** Takes a saga from who drives it, to undo its steps. @returns whether there is one that has not ended */
  async cancel(saga: string, named: string): Promise<boolean> {
    const { now } = this.#sql;
    const id = storedId(named);
    return await this.db.transaction.begin(async () => {
      const { rowCount } = await this.#change({
        text: `update sluice_saga set cancelled = case when status = 'running' then 1 else cancelled end,
            status = 'compensating', fence = fence + 1, lease_until = 0, attempts = 0, stuck = null, wake_at = ${now}
          where saga = $1 and id = $2 and ended_at is null`,
        values: [saga, id],
      });
      if (rowCount === 0) return false;
      // What the driver has under way on this client is no longer recorded.
      const { rows } = await tables.query<{ fence: number | string }>(this.db, {
        text: 'select fence from sluice_saga where saga = $1 and id = $2',
        values: [saga, id],
      });
      await this.#change({ text: this.#sql.raiseFence, values: [saga, id, Number(rows[0]?.fence)] });
      return true;
    }, repeated);
  }

  /** Makes a saga due. @returns whether there is one that was stuck */
  async resume(saga: string, id: string): Promise<boolean> {
    const { rowCount } = await this.#change({
      text: `update sluice_saga set stuck = null, attempts = 0, lease_until = 0, wake_at = ${this.#sql.now}
        where saga = $1 and id = $2 and stuck is not null and ended_at is null`,
      values: [saga, id],
    });
    return rowCount === 1;
  }

  /** Where sagas stand. */
  async states(those: readonly { readonly saga: string; readonly id: string }[]): Promise<readonly SagaState[]> {
    if (those.length === 0) return [];
    const each = those.map((_, at) => `(saga = $${at * 2 + 1} and id = $${at * 2 + 2})`).join(' or ');
    const { rows } = await tables.query<SagaState>(this.db, {
      text: `select saga, id, status, result, failure, stuck from sluice_saga where ${each}`,
      values: those.flatMap(({ saga, id }) => [saga, storedId(id)]),
    });
    return rows;
  }

  /** The step that waits for the end of a saga; nothing where none does. */
  async parentOf(saga: string, id: string): Promise<ParentStep | undefined> {
    const { rows } = await tables.query<Pick<ClaimRow, 'parent_saga' | 'parent_id' | 'parent_step'>>(this.db, {
      text: 'select parent_saga, parent_id, parent_step from sluice_saga where saga = $1 and id = $2',
      values: [saga, id],
    });
    return rows[0] && parentIn(rows[0]);
  }

  /** The input of a saga; nothing where there is none. */
  async inputOf(saga: string, id: string): Promise<{ readonly input: string | null } | undefined> {
    const { rows } = await tables.query<{ input: string | null }>(this.db, {
      text: 'select input from sluice_saga where saga = $1 and id = $2',
      values: [saga, id],
    });
    return rows[0];
  }
}
