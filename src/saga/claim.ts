/** How a saga stands, as it is stored. */
export type StoredStatus = 'running' | 'compensating' | 'completed' | 'failed' | 'cancelled';

/** What a row holds as it is used. */
interface Stored {
  readonly saga: string;
  readonly id: string;
  readonly definition: string;
  readonly status: StoredStatus;
  readonly input: string | null;
  readonly context: string;
  readonly seed: string;
  readonly failure: string | null;
  readonly attempts: number;
  readonly signals: number;
}

/** A saga that was claimed. */
export interface ClaimedSaga extends Stored {
  readonly cancelled: boolean;
  readonly fence: number;
  readonly createdAt: number;
  readonly parent: ParentStep | undefined;
}

/** The step of another saga that waits for the end of this one. */
export interface ParentStep {
  readonly saga: string;
  readonly id: string;
  readonly step: string;
}

/** The row of a saga that is due. */
export interface ClaimRow extends Stored {
  /** As drivers give it: as text, too. */
  readonly number: number | string;
  readonly cancelled: number;
  readonly fence: number | string;
  readonly created_at: number | string;
  readonly parent_saga: string | null;
  readonly parent_id: string | null;
  readonly parent_step: string | null;
}

export const columns = `number, saga, id, definition, status, input, context, seed, failure, cancelled, fence, attempts, signals, created_at,
  parent_saga, parent_id, parent_step`;

/** As who takes it has it from then on. */
export function claimed(row: ClaimRow): ClaimedSaga {
  const { saga, id, definition, status, input, context, seed, failure } = row;
  return {
    saga,
    id,
    definition,
    status,
    input,
    context,
    seed,
    failure,
    cancelled: row.cancelled === 1,
    fence: Number(row.fence) + 1,
    attempts: row.attempts,
    signals: row.signals,
    createdAt: Number(row.created_at),
    parent: parentIn(row),
  };
}

export function parentIn(row: Pick<ClaimRow, 'parent_saga' | 'parent_id' | 'parent_step'>): ParentStep | undefined {
  const { parent_saga, parent_id, parent_step } = row;
  if (parent_saga === null || parent_id === null || parent_step === null) return undefined;
  return { saga: parent_saga, id: parent_id, step: parent_step };
}
