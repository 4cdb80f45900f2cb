import { isInstance } from '../core/index.ts';
import { inContextOf } from '../tables/index.ts';
import { isPassing } from './failure.ts';
import { FencedOff } from './records.ts';
import type { Undo } from './run.ts';
import { committed } from './steps.ts';
import type { ClaimedSaga } from './store.ts';

/** How far compensations have come. */
export type Compensated =
  | { readonly type: 'done' }
  | { readonly type: 'fenced' }
  /** One has failed, after so many that have not failed in this run. */
  | {
      readonly type: 'failed';
      readonly step: string;
      readonly error: unknown;
      readonly hasAdvanced: boolean;
      readonly isPassing: boolean;
    };

/** Undoes the steps of a saga, the last one first, each in a transaction with its record. */
export async function compensate(
  claim: ClaimedSaga,
  undos: readonly Undo[],
  signal: AbortSignal,
): Promise<Compensated> {
  let hasAdvanced = false;
  for (const undo of undos) {
    if (undo.isDone) continue;
    try {
      await undoOne(claim, undo, signal);
      hasAdvanced = true;
    } catch (error) {
      if (isInstance(error, FencedOff)) return { type: 'fenced' };
      return { type: 'failed', step: undo.name, error, hasAdvanced, isPassing: isPassing(error) };
    }
  }
  return { type: 'done' };
}

async function undoOne(claim: ClaimedSaga, undo: Undo, signal: AbortSignal): Promise<void> {
  const { name, place, client } = undo;
  const record = { step: name, kind: 'undo', place, result: null, failure: null, at: Date.now() } as const;
  const context = JSON.parse(claim.context) as object;
  const transaction = inContextOf({ context }, () =>
    client.db.transaction.begin(
      async () => {
        await undo.compensate();
        await client.records.write(record);
      },
      { name: `saga ${claim.saga}: undo ${name}`.slice(0, 200), retry: { attempts: 5 }, signal },
    ),
  );
  await committed(transaction, claim.saga);
}
