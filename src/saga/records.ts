import { runBare } from '../context/index.ts';
import type { Db } from '../database/index.ts';
import { type SagasDialect, statement } from '../driver/index.ts';
import { type ClaimedSaga, repeated } from './store.ts';
import { tables } from './tables.ts';

/** What a record is of: a step, its compensation, the end of a wait or a sleep, the signal that came, a client that has steps. */
export type RecordKind = 'step' | 'undo' | 'timer' | 'signal' | 'client';

/** What is recorded of a saga on a client. */
export interface SagaRecord {
  readonly step: string;
  readonly kind: RecordKind;
  /** Its place in the order in which the body has asked. */
  readonly place: number;
  /** JSON. */
  readonly result: string | null;
  /** JSON. */
  readonly failure: string | null;
  readonly at: number;
}

/** As drivers give it: whole numbers of 64 bits as text, too. */
type RecordRow = Omit<SagaRecord, 'at'> & { readonly at: number | string };

/** What there is of a saga that has just been made. */
export function noRecords(now: number): LoadedRecords {
  return { records: [], signals: new Map(), now };
}

/** A signal that was given. */
export interface GivenSignal {
  readonly data: string | null;
  readonly failure: string | null;
}

/** What a client has of a saga. */
export interface LoadedRecords {
  readonly records: readonly SagaRecord[];
  readonly signals: ReadonlyMap<string, GivenSignal>;
  /** The time of the server, in milliseconds since 1970. */
  readonly now: number;
}

/** Another driver has the saga; or it was cancelled. */
export class FencedOff extends Error {
  override readonly name = 'FencedOff';
}

/** Finds a saga as long as it belongs to who has claimed it. */
const ofClaim = 'select 1 as one from sluice_saga where saga = $1 and id = $2 and fence = $3';

interface SignalRow extends GivenSignal {
  readonly name: string;
}

/** The records of a saga on one client. */
export class SagaRecords {
  readonly #db: Db;
  readonly #sql: SagasDialect;
  readonly #claim: ClaimedSaga;

  constructor(db: Db, claim: ClaimedSaga) {
    this.#db = db;
    this.#sql = tables.of(db);
    this.#claim = claim;
  }

  /**
   * Keeps earlier drivers from writing here, and only then reads what they have written.
   * @param isHome whether sagas live here
   * @throws FencedOff where they do, and this one has gone to another driver, or was deleted
   */
  async load(isHome: boolean): Promise<LoadedRecords> {
    const { saga, id, fence } = this.#claim;
    const [, steps, signals, time, own] = await this.#bare(() =>
      this.#db.transaction.batch(
        [
          statement(this.#sql.raiseFence, [saga, id, fence]),
          statement<RecordRow>(
            'select step, kind, place, result, failure, at from sluice_saga_step where saga = $1 and id = $2 order by place',
            [saga, id],
          ),
          statement<SignalRow>('select name, data, failure from sluice_saga_signal where saga = $1 and id = $2', [
            saga,
            id,
          ]),
          statement<{ now: number | string }>(`select ${this.#sql.now} as now`),
          statement(isHome ? ofClaim : 'select 1 as one', isHome ? [saga, id, fence] : []),
        ],
        repeated,
      ),
    );
    if (own.rows.length === 0) throw new FencedOff('another driver has the saga, or it was deleted');
    return {
      records: steps.rows.map((row) => ({ ...row, at: Number(row.at) })),
      signals: new Map(signals.rows.map(({ name, data, failure }) => [name, { data, failure }])),
      now: Number(time.rows[0]?.now),
    };
  }

  /**
   * After the records of other clients were loaded: from now on those who delete this saga delete what was raised there, too.
   * @throws FencedOff where the saga, which lives on this client, has gone to another driver, or was deleted
   */
  async assertOwn(): Promise<void> {
    const { saga, id, fence } = this.#claim;
    const { rows } = await tables.query(this.#db, { text: ofClaim, values: [saga, id, fence] });
    if (rows.length === 0) throw new FencedOff('another driver has the saga, or it was deleted');
  }

  /** What is read and written by itself is of no tenant. */
  #bare<Result>(work: () => Promise<Result>): Promise<Result> {
    return tables.guard(this.#db, () => runBare(work));
  }

  /** Writes a record by itself. @throws FencedOff */
  writeAlone(record: SagaRecord): Promise<void> {
    return runBare(() => this.write(record, false));
  }

  /**
   * Writes a record in the transaction that is open here, which commits with it if `commits` says so.
   * @throws FencedOff where another driver has the saga
   */
  async write({ step, kind, place, result, failure, at }: SagaRecord, commits = true): Promise<void> {
    const { saga, id, fence } = this.#claim;
    const { lockShared } = this.#sql;
    try {
      await tables.guard(this.#db, () =>
        this.#db.query(
          `insert into sluice_saga_step (saga, id, step, kind, place, result, failure, at, fence)
            values ($1, $2, $3, $4, $5, $6, $7, $8, (select fence from sluice_saga_fence
              where saga = $1 and id = $2 and fence = $9 ${lockShared}))`,
          [saga, id, step, kind, place, result, failure, at, fence],
          commits ? { last: true } : undefined,
        ),
      );
    } catch (error) {
      if (!this.#sql.isNull(error) && !this.#sql.isDuplicate(error)) throw error;
      throw new FencedOff('another driver has the saga', { cause: error });
    }
  }
}
