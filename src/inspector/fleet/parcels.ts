import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';

/** The longest answer, packed and unpacked, in bytes. */
export const largestPacked = 524_288;
const largestUnpacked = 4_194_304;

const pack = promisify(deflateRaw);
const unpack = promisify(inflateRaw);

/** A piece of an answer. */
export interface Parcel {
  /** The question that it answers. */
  readonly ask: string;
  /** The process that answers. */
  readonly from: string;
  /** From 0. */
  readonly place: number;
  /** How many there are. */
  readonly count: number;
  readonly data: string;
}

/** The longest head of a parcel: `a1`, two ids, place and count. */
const longestHead = 170;
const form = /^a1 ([\w-]{1,64}) ([\w-]{1,64}) (\d{1,5}) (\d{1,5}) ([A-Za-z0-9+/=]*)$/;

/** Parts an answer into messages of ASCII that are short enough. */
export async function parcelsOf(
  ask: string,
  from: string,
  answer: unknown,
  longest: number,
): Promise<readonly string[]> {
  const text = (await pack(JSON.stringify(answer))).toString('base64');
  const size = longest - longestHead;
  const count = Math.max(1, Math.ceil(text.length / size));
  return Array.from(
    { length: count },
    (_, place) => `a1 ${ask} ${from} ${place} ${count} ${text.slice(place * size, (place + 1) * size)}`,
  );
}

/** Undefined: it is none. */
export function readParcel(text: string): Parcel | undefined {
  const found = form.exec(text);
  if (found === null) return undefined;
  const [, ask = '', from = '', place, count, data = ''] = found;
  return { ask, from, place: Number(place), count: Number(count), data };
}

/** @throws for what was not packed by `parcelsOf`, or is too large */
export async function unpacked(packed: string): Promise<unknown> {
  const text = await unpack(Buffer.from(packed, 'base64'), { maxOutputLength: largestUnpacked });
  return JSON.parse(text.toString('utf8'));
}

/** Puts an answer together. */
export class Assembly {
  readonly #count: number;
  readonly #pieces = new Map<number, string>();
  #size = 0;

  constructor(count: number) {
    this.#count = count;
  }

  /** @returns the whole, once it is there; an error for what does not fit together or is too large */
  add({ place, count, data }: Parcel): 'tooLarge' | 'garbled' | { readonly whole: string } | undefined {
    if (count !== this.#count || place >= count || this.#pieces.has(place)) return 'garbled';
    this.#size += data.length;
    if (this.#size > largestPacked || count > largestPacked) return 'tooLarge';
    this.#pieces.set(place, data);
    if (this.#pieces.size < count) return undefined;
    return { whole: Array.from({ length: count }, (_, at) => this.#pieces.get(at) ?? '').join('') };
  }
}
