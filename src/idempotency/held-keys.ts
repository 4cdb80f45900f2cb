import { currentFrame } from '../context/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import { type AtomicUnit, scopeAt, wholeUnit } from '../transaction/index.ts';

/** A key, and the transaction or savepoint that has claimed it. */
interface Held {
  readonly id: string;
  readonly unit: AtomicUnit;
}

/** Those of whole transactions, which keep what a released savepoint has claimed. */
const keys = new WeakMap<AtomicUnit, Held[]>();

/** Notes that the transaction or savepoint that is open here has a key. */
export function noteHeld(db: Db, id: string): void {
  const scope = scopeAt(currentFrame(), { client: clientOf(db), level: undefined });
  if (scope === undefined) return;
  const whole = wholeUnit(scope);
  const held = keys.get(whole) ?? [];
  held.push({ id, unit: scope.unit });
  keys.set(whole, held);
}

/** Whether a transaction that is open around this call has a key: another transaction would wait for its end. */
export function isHeldAround(db: Db, id: string): boolean {
  const target = { client: clientOf(db), level: undefined };
  for (let frame = currentFrame(); frame !== undefined; frame = frame.parent) {
    if (frame.client !== target.client) continue;
    const scope = scopeAt(frame, target);
    if (scope?.transaction.isLive !== true) continue;
    if (keys.get(wholeUnit(scope))?.some((held) => held.id === id && !held.unit.isUndone) === true) return true;
  }
  return false;
}
