import { reportBackgroundError } from '../channels/index.ts';
import { InvalidOptionError } from '../core/index.ts';
import type { Serializer } from './definition.ts';
import { CacheValueTooLargeError } from './errors.ts';
import { freezeDeeply } from './near.ts';
import type { Counters } from './statistics.ts';

/** A value that was read, as it is written too. */
export interface Held<Value> {
  readonly value: Value;
  readonly payload: string;
  /** It is deeply frozen, so that all callers can share it. */
  readonly isForAll: boolean;
}

/** Writes and reads the values of a cache. Failures are counted, and reported without any of the value. */
export class Codec<Value> {
  readonly #cache: string;
  readonly #serializer: Serializer<Value>;
  readonly #maxSize: number;
  /** Whether the values given out are frozen. */
  readonly #freezes: boolean;
  readonly #counters: Counters;

  constructor(cache: string, serializer: Serializer<Value>, maxSize: number, freezes: boolean, counters: Counters) {
    this.#cache = cache;
    this.#serializer = serializer;
    this.#maxSize = maxSize;
    this.#freezes = freezes;
    this.#counters = counters;
  }

  /** Of any size. @throws InvalidOptionError for what cannot be written */
  write(value: Value): string {
    let payload: unknown;
    try {
      payload = this.#serializer.write(value);
    } catch (cause) {
      throw this.#unwritable(cause);
    }
    if (typeof payload === 'string') return payload;
    throw this.#unwritable(undefined);
  }

  /** @throws CacheValueTooLargeError */
  writeForStore(value: Value): string {
    const payload = this.write(value);
    if (payload.length > this.#maxSize) throw this.#tooLarge(payload);
    return payload;
  }

  /** The caller gets the value all the same; a warning says that it is loaded each time. */
  isTooLarge(payload: string): boolean {
    if (payload.length <= this.#maxSize) return false;
    this.#fail(this.#tooLarge(payload));
    return true;
  }

  /** A value for one who may change it, or for everybody. */
  read(payload: string): Held<Value> {
    const value = this.#serializer.read(payload);
    return { value, payload, isForAll: this.#freezes && freezeDeeply(value) };
  }

  /** What cannot be read is not there. */
  readIfGood(payload: string | undefined): Held<Value> | undefined {
    if (payload === undefined) return undefined;
    try {
      return this.read(payload);
    } catch {
      // What a parser says quotes the value.
      this.#fail(new Error('A value in the store cannot be read by the serializer; it is loaded again'));
      return undefined;
    }
  }

  #fail(error: Error): void {
    this.#counters.failures += 1;
    reportBackgroundError({ source: `cache "${this.#cache}"`, error });
  }

  #unwritable(cause: unknown): InvalidOptionError {
    return new InvalidOptionError({
      what: `A value for the cache "${this.#cache}" could not be serialized; it was not stored`,
      remedy: 'Give data alone: no cycles, functions or symbols',
      cause,
    });
  }

  #tooLarge({ length }: string): CacheValueTooLargeError {
    return new CacheValueTooLargeError({
      what: `A value for the cache "${this.#cache}" has ${length} characters, more than its maxSize of ${this.#maxSize}; it was not stored`,
      remedy: 'Store a smaller part of it, or raise maxSize',
    });
  }
}
