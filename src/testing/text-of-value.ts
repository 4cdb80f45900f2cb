import { types } from 'node:util';

/**
 * A value of the program as text, whatever it is: equal ones have the same text. Getters and methods of the value are not called,
 * as they may throw or do something.
 */
export function textOfValue(value: unknown): string {
  return typeof value === 'string' ? value : textWithin(value, new Set());
}

function textWithin(value: unknown, inside: Set<object>): string {
  if (typeof value === 'string') return JSON.stringify(value);
  // These say nothing about the values around them.
  if (typeof value === 'function' || typeof value === 'symbol' || value === undefined) return '';
  if (typeof value !== 'object' || value === null) return `${value as bigint | boolean | number | null}`;
  if (types.isDate(value)) return Number.isNaN(value.valueOf()) ? 'no date' : value.toISOString();
  if (ArrayBuffer.isView(value))
    return `[${new Uint8Array(value.buffer, value.byteOffset, value.byteLength).join(',')}]`;
  if (inside.has(value)) return 'itself';
  inside.add(value);
  const text = textOfParts(value, inside);
  inside.delete(value);
  return text;
}

function textOfParts(value: object, inside: Set<object>): string {
  if (Array.isArray(value) || types.isSet(value))
    return `[${[...value].map((each: unknown) => textWithin(each, inside)).join(',')}]`;
  const parts = types.isMap(value)
    ? [...value].map(([key, each]) => [textWithin(key, inside), each] as const)
    : ownFields(value).map(([key, each]) => [JSON.stringify(key), each] as const);
  return `{${parts.map(([key, each]) => `${key}:${textWithin(each, inside)}`).join(',')}}`;
}

/** The fields of an object that can be seen from outside, without getters. */
export function ownFields(value: object): [string, unknown][] {
  return Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([key, { enumerable, value: own }]) =>
    enumerable === true ? [[key, own as unknown] as [string, unknown]] : [],
  );
}
