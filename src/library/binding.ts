import { fieldOf, InvalidOptionError, isThenable, reading, refuseOtherVersion, typeName } from '../core/index.ts';
import type { ClientIdentity } from '../context/index.ts';

/** What a library is bound by, for errors. */
export interface BindEntry {
  /** `bindKysely` */
  readonly name: string;
  /** What it takes, as one writes it: `new Kysely({ dialect })`. */
  readonly takes: string;
  /** What a handle has to have. */
  readonly methods: readonly string[];
}

/** Where a handle says what it is bound to. Under a symbol, which a Proxy around the handle passes on. */
export const boundTo: unique symbol = Symbol.for('sluice.bound-to') as never;

/** @throws InvalidOptionError for what is no handle of the library, or of a version of it that has other methods */
export function assertHandle({ name, takes, methods }: BindEntry, handle: unknown): asserts handle is object {
  const isObject = (typeof handle === 'object' && handle !== null) || typeof handle === 'function';
  if (isThenable(handle)) {
    throw new InvalidOptionError({
      what: `${name} got a promise`,
      remedy: `Await it first; it takes ${takes}`,
    });
  }
  const missing = reading(name, () =>
    isObject ? methods.find((method) => typeof pathIn(handle, method) !== 'function') : methods[0],
  );
  if (missing === undefined) return;
  throw new InvalidOptionError({
    what: isObject
      ? `${name} was given what has no ${missing}(): it is not what is bound, or of a version that is not supported`
      : `${name} was given ${typeName(handle)}`,
    remedy: `Give ${takes}`,
  });
}

function pathIn(handle: object, path: string): unknown {
  return path.split('.').reduce<unknown>(fieldIn, handle);
}

function fieldIn(value: unknown, name: string): unknown {
  return value === undefined || value === null ? undefined : (value as Record<string, unknown>)[name];
}

/**
 * Notes that a handle is bound to a client.
 * @returns whether it is new; otherwise it is bound to that client already
 * @throws InvalidOptionError where it is bound to another one, or cannot be changed
 */
export function bindOnce(entry: string, handle: object, client: ClientIdentity): boolean {
  if (isBound(entry, handle, client)) return false;
  if (!Object.isExtensible(handle)) {
    throw new InvalidOptionError({
      what: `${entry} got a frozen handle, whose methods cannot be bound`,
      remedy: 'Bind it before it is frozen',
    });
  }
  Object.defineProperty(handle, boundTo, { value: client, configurable: true });
  return true;
}

/** @throws InvalidOptionError where it is bound to another client */
export function isBound(entry: string, handle: object, client: ClientIdentity): boolean {
  const found = fieldOf(handle, boundTo) as ClientIdentity | undefined;
  if (found !== undefined) assertSameClient(entry, found, client);
  return found !== undefined;
}

/** @throws InvalidOptionError where what a handle is bound to is another client than it is to be bound to */
export function assertSameClient(entry: string, found: ClientIdentity, client: ClientIdentity): void {
  if (found === client) return;
  refuseOtherVersion(entry, 'a handle that is bound to a database', found.database);
  throw new InvalidOptionError({
    what: `${entry} got a handle that is already bound to another client or database ("${found.name}")`,
    remedy: 'Make one handle per client, each over its own ambient pool',
  });
}
