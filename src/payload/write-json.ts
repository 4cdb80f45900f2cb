import { types } from 'node:util';
import { builtInName, isLostInJson, isThenable, storable } from '../core/index.ts';

/** The longest place that an error names. */
const longestPlace = 100;

/** Why a value is no JSON. It says where the value is wrong, and never what it is. */
export class NoJson extends Error {
  override readonly name = 'NoJson';
}

/** A value that is being written, and the name it has in the one before it. */
interface Open {
  readonly value: unknown;
  readonly name: string;
}

export interface WriteOptions {
  /** Whether an object may have the names that receivers of payloads refuse; those of baggage may. Default: `plain`, it may not. */
  readonly names?: 'plain' | 'any';
  /**
   * Whether functions in it are left out, as in what a driver returns to a handler that passes it on. Default: `refused`, since
   * who sends one expects it to come.
   */
  readonly functions?: 'refused' | 'left out';
}

/**
 * Writes a value as `JSON.stringify` does, which leaves members out that are `undefined`, and writes a `Date` as text; but refuses
 * what would be lost without a sign.
 * @returns nothing for `undefined`
 * @throws NoJson, and what `JSON.stringify` throws for cycles
 */
export function writeJson(
  given: unknown,
  { names = 'plain', functions = 'refused' }: WriteOptions = {},
): string | undefined {
  // Before a "toJSON" of theirs, such as one of a query builder, is asked.
  if (isLostInJson(given)) throw refusal(kindOf(given), []);
  const open: Open[] = [];
  return JSON.stringify(given, function look(this: unknown, name: string, value: unknown) {
    if (functions === 'left out' && typeof value === 'function') return undefined;
    while (open.length > 0 && open.at(-1)?.value !== this) open.pop();
    const lost = (names === 'plain' ? oddNameOf(value) : undefined) ?? lostOf(value) ?? lostIn(this, name, value);
    if (lost !== undefined) throw refusal(lost, [...open, { value, name }]);
    if (typeof value === 'object' && value !== null) open.push({ value, name });
    return value;
  });
}

/** What a value is that JSON has nothing for, if it is one. */
function lostOf(value: unknown): string | undefined {
  if (typeof value === 'object') return value === null ? undefined : lostObject(value);
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'a number that is not finite';
  return ['bigint', 'function', 'symbol'].includes(typeof value) ? kindOf(value) : undefined;
}

function oddNameOf(value: unknown): string | undefined {
  const isOdd = typeof value === 'object' && value !== null && hasPrototypeKey(value);
  return isOdd ? 'a property "__proto__" or "constructor.prototype", which receivers refuse' : undefined;
}

function lostObject(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) return undefined;
  if (isLostInJson(value)) return kindOf(value);
  const isWritten = Array.isArray(value) || types.isBoxedPrimitive(value) || 'toJSON' in value;
  return isWritten || builtInName(value) === undefined ? undefined : kindOf(value);
}

/** What is written as `null` although it is something else. */
function lostIn(holder: unknown, name: string, value: unknown): string | undefined {
  if (value === undefined) return Array.isArray(holder) ? 'undefined in a list' : undefined;
  if (value !== null) return undefined;
  return types.isDate((holder as Readonly<Record<string, unknown>>)[name]) ? 'a Date without a time' : undefined;
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? 'a BigInt' : `a ${typeof value}`;
  if (isThenable(value)) return 'a promise, or something else that has to be awaited';
  return `an object of the kind ${builtInName(value) ?? 'that is iterated'}`;
}

/** Whether copying an object would change the prototype of the copy. */
export function hasPrototypeKey(value: object): boolean {
  if (Object.hasOwn(value, '__proto__')) return true;
  if (!Object.hasOwn(value, 'constructor')) return false;
  const made = (value as Readonly<Record<string, unknown>>)['constructor'];
  return typeof made === 'object' && made !== null && Object.hasOwn(made, 'prototype');
}

function refusal(what: string, open: readonly Open[]): NoJson {
  const names = open.map(({ name }) => name).filter((name) => name !== '');
  return new NoJson(names.length === 0 ? what : `${what}, at "${storable(names.join('.'), longestPlace)}"`);
}
