import { types } from 'node:util';

/** Iterators and `arguments` have no global of their name. */
const unnamed = /^Arguments$|Iterator$|Generator$/;

/**
 * What the language or Node.js calls an object whose content is not in its properties: `Map`, `Date`, `URLSearchParams`; also for
 * one of another realm, or of a class that extends it. Nothing for plain objects and those of classes of the program.
 */
export function builtInName(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return undefined;
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return tag !== 'Object' && (tag in globalThis || unnamed.test(tag)) ? tag : undefined;
}

/** Whether a value is an object with names and values: a plain one or one of a class, and no list, promise, map or date. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && builtInName(value) === undefined;
}

/** Whether awaiting a value would wait for it: a promise, or a query builder. What throws where it is looked at is none. */
export function isThenable(value: unknown): boolean {
  try {
    return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
  } catch {
    return false;
  }
}

/** Whether JSON has `{}` for what a value holds, or will: a promise, a `Map` or `Set`, a generator, a stream. */
export function isLostInJson(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    if (isThenable(value)) return true;
    if (Array.isArray(value) || types.isBoxedPrimitive(value) || 'toJSON' in value) return false;
    return Symbol.iterator in value || Symbol.asyncIterator in value;
  } catch {
    return false;
  }
}
