import { currentFrame } from '../context/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import { scopeAt } from '../transaction/index.ts';

/** The keys that transactions and savepoints have claimed, by their ids. */
const keys = new WeakMap<object, Set<string>>();

/** Notes that the transaction or savepoint that is open here has a key. */
export function noteHeld(db: Db, id: string): void {
  const unit = scopeAt(currentFrame(), { client: clientOf(db), level: undefined })?.unit;
  if (unit === undefined) return;
  const ids = keys.get(unit) ?? new Set();
  keys.set(unit, ids.add(id));
}

/** Whether a transaction that is open around this call has a key: another transaction would wait for its end. */
export function isHeldAround(db: Db, id: string): boolean {
  const target = { client: clientOf(db), level: undefined };
  for (let frame = currentFrame(); frame !== undefined; frame = frame.parent) {
    if (frame.client !== target.client) continue;
    const scope = scopeAt(frame, target);
    if (scope?.transaction.isLive !== true) continue;
    for (let unit: typeof scope.unit | undefined = scope.unit; unit !== undefined; unit = unit.parent) {
      if (keys.get(unit)?.has(id) === true) return true;
    }
  }
  return false;
}
