import { types } from 'node:util';
import { ownFields } from '../../text-of-value.ts';

/** How many values of one thing are compared. */
const most = 5_000;

/** The values in something, by their places, as they are now: it goes on to change. Without getters, functions and cycles. */
export function leavesOf(value: unknown): ReadonlyMap<string, unknown> {
  const leaves = new Map<string, unknown>();
  const inside = new Set<object>();
  const walk = (place: string, each: unknown): void => {
    if (leaves.size > most || typeof each === 'function' || typeof each === 'symbol') return;
    if (typeof each !== 'object' || each === null) leaves.set(place, each);
    else if (types.isDate(each)) leaves.set(place, new Date(each));
    else if (ArrayBuffer.isView(each))
      leaves.set(place, Buffer.from(Buffer.from(each.buffer, each.byteOffset, each.byteLength)));
    else if (!inside.has(each)) {
      inside.add(each);
      for (const [name, child] of fieldsOf(each)) walk(`${place}.${name}`, child);
      inside.delete(each);
    }
  };
  walk('', value);
  return leaves;
}

function fieldsOf(value: object): Iterable<readonly [string, unknown]> {
  if (types.isMap(value)) return [...value].map(([key, each], at) => [namedBy(key, at), each] as const);
  if (types.isSet(value)) return [...value].map((each, at) => [String(at), each] as const);
  return ownFields(value).filter(([, own]) => own !== undefined);
}

function namedBy(key: unknown, at: number): string {
  return typeof key === 'string' || typeof key === 'number' ? String(key) : String(at);
}
