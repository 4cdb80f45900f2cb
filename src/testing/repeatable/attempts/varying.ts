import { types } from 'node:util';
import { leavesOf } from './leaves.ts';
import { areGenerated, type Told } from './answers.ts';
import { type Parts, partsOf, partsWithoutChance } from './text-parts.ts';

/** How far apart two attempts may be, in milliseconds: what is made of the time differs by no more. */
const mostApart = 60_000;

/**
 * Whether a value differs between two attempts for a reason that is none of theirs: it is made of the time, or of what the server
 * generated for each of them.
 */
export function isAlike(one: Told, other: Told): boolean {
  return compare(one, other, false);
}

/** The same, or it may be of chance, as it looks. */
export function mayBeAlike(one: Told, other: Told): boolean {
  return compare(one, other, true);
}

function compare(one: Told, other: Told, orChance: boolean): boolean {
  const [a, b] = [one.value, other.value];
  if (a === b || Object.is(a, b)) return true;
  if (types.isDate(a) && types.isDate(b)) return isSameTime(a, b) || areTimes(a.valueOf(), b.valueOf());
  if (typeof a !== typeof b || a === null || b === null) return false;
  if (typeof a === 'number' && typeof b === 'number')
    return areAlikeNumbers(a, b, orChance) || areGenerated(one, other);
  if (typeof a === 'bigint' && typeof b === 'bigint')
    return areAlikeNumbers(Number(a), Number(b), orChance) || areGenerated(one, other);
  if (typeof a === 'string' && typeof b === 'string')
    return (
      areGenerated(one, other) ||
      areAlikeTexts(one, other, { parts: [a, b].map(orChance ? partsWithoutChance : partsOf), orChance })
    );
  if (typeof a === 'object' && typeof b === 'object') return areAlikeObjects(one, other, { objects: [a, b], orChance });
  return areGenerated(one, other);
}

function areAlikeNumbers(a: number, b: number, orChance: boolean): boolean {
  return areTimes(a, b) || areTimes(a * 1_000, b * 1_000) || (orChance && areChance(a, b));
}

interface Texts {
  readonly parts: readonly Parts[];
  readonly orChance: boolean;
}

function areAlikeTexts(one: Told, other: Told, { parts: [left, right], orChance }: Texts): boolean {
  if (left?.frame !== right?.frame || left?.numbers.length !== right?.numbers.length) return false;
  return (left?.numbers ?? []).every((text, at) => {
    const again = right?.numbers[at] ?? '';
    if (text === again || areGenerated({ ...one, value: unpadded(text) }, { ...other, value: unpadded(again) }))
      return true;
    return areAlikeNumbers(Number(text), Number(again), orChance);
  });
}

interface Objects {
  readonly objects: readonly [object, object];
  readonly orChance: boolean;
}

function areAlikeObjects(one: Told, other: Told, { objects: [a, b], orChance }: Objects): boolean {
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b))
    // Salts and keys are long.
    return isSameBytes(a, b) || (a.byteLength === b.byteLength && a.byteLength >= 8);
  if (kinds.some((isKind) => isKind(a) !== isKind(b))) return false;
  const [left, right] = [leavesOf(a), leavesOf(b)];
  return (
    left.size === right.size &&
    [...left].every(
      ([place, value]) =>
        right.has(place) && compare({ ...one, value }, { ...other, value: right.get(place) }, orChance),
    )
  );
}

const kinds: readonly ((value: object) => boolean)[] = [types.isDate, types.isArrayBufferView, Array.isArray];

function isSameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return bytesOf(a).equals(bytesOf(b));
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function isSameTime(a: Date, b: Date): boolean {
  return Object.is(a.valueOf(), b.valueOf());
}

/** Milliseconds since 1970 of this century that are close to each other. */
function areTimes(a: number, b: number): boolean {
  return isNow(a) && isNow(b) && Math.abs(a - b) < mostApart;
}

export function isNow(time: number): boolean {
  return time > 946_684_800_000 && time < 4_102_444_800_000;
}

/** What differs by no more than this may be counted, however large it is. */
const closest = 1_000;

/** Two that nothing connects: long fractions, or large integers that are neither close to each other nor a multiple. */
function areChance(a: number, b: number): boolean {
  if (!isLong(a) || !isLong(b)) return false;
  return !(Number.isInteger(a) && Number.isInteger(b)) || (Math.abs(a - b) > closest && a % b !== 0 && b % a !== 0);
}

function isLong(value: number): boolean {
  return Math.abs(value) >= 1e6 || String(value).length >= 12;
}

/** A number as the server gave it: the zeros before it are those of an invoice. */
function unpadded(text: string): string {
  return text.replace(/^0+(?=\d)/, '');
}
