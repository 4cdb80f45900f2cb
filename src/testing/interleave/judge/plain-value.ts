import { types } from 'node:util';
import { describeThrown, isError } from '../../../core/index.ts';
import { ownFields, textOfValue } from '../../text-of-value.ts';
import type { End } from './state.ts';

/** How many values one thing that is returned may hold; what comes after them is not compared. */
const most = 20_000;

/** What an actor returned or threw, as text that is the same for equal ones. Lists have no order. */
export interface PlainEnd {
  readonly text: string;
  /** The values in it, by their places; all elements of a list share theirs. */
  readonly leaves: ReadonlyMap<string, readonly string[]>;
}

/** @param hidden places whose values are not compared */
export function plainEnd(end: End, hidden: ReadonlySet<string>): PlainEnd {
  const { text, leaves } = plainValue(end.type === 'returned' ? end.value : thrown(end.error), hidden);
  return { text: `${end.type} ${text}`, leaves };
}

/** A value as text, as `plainEnd` has it. */
export function plainValue(value: unknown, hidden: ReadonlySet<string>): PlainEnd {
  const walk = new Walk(hidden);
  return { text: walk.text('', value), leaves: walk.leaves };
}

function thrown(error: unknown): unknown {
  if (!isError(error)) return error;
  const { name, code, message } = describeThrown(error);
  return { name, code, message };
}

class Walk {
  readonly leaves = new Map<string, string[]>();
  readonly #hidden: ReadonlySet<string>;
  readonly #inside = new Set<object>();
  #count = 0;

  constructor(hidden: ReadonlySet<string>) {
    this.#hidden = hidden;
  }

  text(place: string, value: unknown): string {
    this.#count += 1;
    if (this.#count > most || typeof value === 'function' || typeof value === 'symbol') return '';
    if (typeof value !== 'object' || value === null) return this.#leaf(place, value);
    if (types.isDate(value)) return this.#leaf(place, Number.isNaN(value.valueOf()) ? 'no date' : value.toISOString());
    if (ArrayBuffer.isView(value))
      return this.#leaf(place, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex'));
    if (this.#inside.has(value)) return 'itself';
    this.#inside.add(value);
    const found = this.#object(place, value);
    this.#inside.delete(value);
    return found;
  }

  #leaf(place: string, value: unknown): string {
    const text = JSON.stringify(`${typeof value} ${String(value)}`);
    const known = this.leaves.get(place);
    if (known === undefined) this.leaves.set(place, [text]);
    else known.push(text);
    return this.#hidden.has(place) ? '*' : text;
  }

  #object(place: string, value: object): string {
    if (Array.isArray(value) || value instanceof Set) {
      const length = this.#leaf(`${place}.length`, 'length' in value ? value.length : value.size);
      const elements = [...value].map((each: unknown) => this.text(`${place}[]`, each));
      return length === '*' ? length : `[${elements.toSorted().join()}]`;
    }
    const all: readonly (readonly [unknown, unknown])[] = value instanceof Map ? [...value] : ownFields(value);
    const fields = all.flatMap(([key, each]) => (each === undefined ? [] : [[textOfValue(key), each] as const]));
    // By the names of its fields something is known that is keyed by what changes.
    const names = this.#leaf(`${place}{}`, fields.map(([key]) => JSON.stringify(key)).toSorted());
    const size = this.#leaf(`${place}{}.size`, fields.length);
    if (names === '*') return `{${size}}`;
    const texts = fields.map(([key, each]) => `${JSON.stringify(key)}:${this.text(`${place}.${key}`, each)}`);
    return `{${texts.toSorted().join()}}`;
  }
}
