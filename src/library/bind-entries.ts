import {
  anything,
  type Checks,
  className,
  InvalidOptionError,
  label,
  oneOf,
  reading,
  readOptions,
  typeName,
} from '../core/index.ts';
import type { Database } from '../database/index.ts';
import { imitate, isGenerator, refuseDeferred } from '../transaction/index.ts';
import { boundTo, isBound } from './binding.ts';
import { clientOf } from './library-pool.ts';
import { ownTransactions } from './own-transaction.ts';

/** The names of those methods of an object that return a promise. */
export type EntryOf<Target> = {
  [Key in keyof Target]-?: NonNullable<Target[Key]> extends (...args: never[]) => PromiseLike<unknown> ? Key : never;
}[keyof Target] &
  string;

/** Options of `bindEntries`. */
export interface BindEntriesOptions<Name extends string = string> {
  /** That of the ambient pool below the object. Default: the default client. */
  readonly clientName?: Name | undefined;
  /** What the transactions are called in errors and statistics, at most 100 characters. Default: the object's class, or else the name of the entry. */
  readonly library?: string | undefined;
  /** What an entry is where a transaction is ambient: undone alone when it fails (`NESTED`), or part of that one (`REQUIRED`). Default `NESTED`. */
  readonly propagation?: 'NESTED' | 'REQUIRED' | undefined;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

const owner = 'bindEntries';
const checks: Checks = { clientName: anything, library: label(100), propagation: oneOf(['NESTED', 'REQUIRED']) };

/**
 * Lets methods of any object that works over an ambient pool be ambient transactions, for a library that has no entry of its
 * own here: the transaction that such a method begins on the pool is an ambient one. Everything below it joins, and inside of
 * another it nests. Changes the object, and returns it; its other methods stay as they are.
 *
 * ```ts
 * import { dumbo } from '@event-driven-io/dumbo';
 * const options = { connectionString: 'postgres://127.0.0.1/shop', pool: ambientPool(database) };
 * export const store = bindEntries(database, dumbo(options), ['withTransaction']);
 * ```
 * A method that begins no transaction by itself is run in one, too.
 * @param entries names of its methods that return promises; a method that is bound already stays as it is
 * @throws InvalidOptionError, UnknownClientError
 */
export function bindEntries<Target extends object, Name extends string>(
  database: Database<Name>,
  target: Target,
  entries: readonly EntryOf<Target>[],
  options: BindEntriesOptions<NoInfer<Name>> = {},
): Target {
  const { clientName, propagation, library } = readOptions(owner, options, checks);
  const client = clientOf(database, clientName, owner);
  const methods = reading(owner, () => methodsOf(target, entries));
  const bound = methods
    .filter(([, method]) => !isBound(owner, method, client))
    .map(([name, method]): [string, Method] => {
      const of = library ?? className(target) ?? name;
      const own = ownTransactions(database, client.name, of, { propagation });
      const entry: Method = function (...args) {
        return own.run(async () => {
          const result = await method.apply(this, args);
          refuseDeferred(result, `transaction of ${of}`);
          return result;
        });
      };
      return [name, Object.defineProperty(imitate(entry, method), boundTo, { value: client })];
    });
  for (const [name, value] of bound) {
    const { enumerable = false } = Object.getOwnPropertyDescriptor(target, name) ?? {};
    Object.defineProperty(target, name, { value, enumerable, writable: true, configurable: true });
  }
  return target;
}

/** @throws InvalidOptionError for what cannot be bound, before anything is */
function methodsOf(target: unknown, entries: unknown): [name: string, method: Method][] {
  if (typeof target !== 'object' || target === null) {
    throw new InvalidOptionError({
      what: `${owner} was given ${typeName(target)} to bind the methods of`,
      remedy: 'Give the object whose methods begin transactions; await it first if it is a promise',
    });
  }
  if (!Array.isArray(entries) || entries.length === 0) throw notEntries(typeName(entries));
  return entries.map((name: unknown) => {
    if (typeof name !== 'string') throw notEntries(`an array with ${typeName(name)}`);
    return [name, methodOf(target, name)];
  });
}

function methodOf(target: object, name: string): Method {
  const shown = JSON.stringify(name.slice(0, 100));
  const method: unknown = Reflect.get(target, name);
  if (typeof method !== 'function') {
    throw new InvalidOptionError({
      what: `${owner} was given an object that has no method ${shown}`,
      remedy: 'Name the methods that begin transactions',
    });
  }
  if (isGenerator(method)) {
    throw new InvalidOptionError({
      what: `${owner} was given the generator method ${shown}, which runs when its values are read: after its transaction`,
      remedy: 'Bind a method that returns a promise',
    });
  }
  const { configurable = Object.isExtensible(target) } = Object.getOwnPropertyDescriptor(target, name) ?? {};
  if (configurable) return method as Method;
  throw new InvalidOptionError({
    what: `${owner} cannot replace the method ${shown}: the object is frozen, or the method is fixed`,
    remedy: 'Bind it before it is frozen',
  });
}

function notEntries(given: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `${owner} takes the names of methods, and was given ${given}`,
    remedy: "Name at least one, as in ['appendToStream']",
  });
}
