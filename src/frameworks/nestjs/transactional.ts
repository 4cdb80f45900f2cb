import { Inject, Optional } from '@nestjs/common';
import { NoDatabaseError, type TransactionalDecorator, type TransactionOptions } from '../../index.ts';
import { checkedArgument, label, readOpen } from '../../core/index.ts';
import { type Database, databaseHere } from '../../database/index.ts';
import { createDecorator } from '../../transaction/index.ts';
import { defaultName, getDatabaseToken, noteAsked } from './parts/tokens.ts';

/** Options of `Transactional`. */
export interface NestTransactionOptions extends TransactionOptions {
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: that of the module. */
  readonly database?: string | undefined;
}

/** The databases that Nest has given to objects with a decorated method, under the names that these ask for. */
const given = new Map<string, WeakMap<object, Database>>();

/**
 * Decorates an async method, or each async method of a class, with a transaction of the database of its module: the one that Nest
 * would inject there. In an object that Nest has not made, and where the module has no default database, it is the ambient
 * database, or the only one that is open, as with `Transactional` of `sluice`.
 *
 * ```ts
 * class Orders {
 *   @Transactional({ isolationLevel: 'SERIALIZABLE', retry: { attempts: 5 } })
 *   async place(productId: number): Promise<void> {
 *     await database.query(sql`insert into orders (product_id) values (${productId})`);
 *   }
 * }
 * ```
 * @throws InvalidOptionError; calls reject with AmbiguousDatabaseError where nothing decides, and with NoDatabaseError where a
 * database was named and Nest has not made the object
 */
export function Transactional(options?: NestTransactionOptions): TransactionalDecorator;
export function Transactional(...args: [options?: NestTransactionOptions]): TransactionalDecorator {
  const { name, options } = readNestOptions(args);
  const databases = databasesOf(name ?? defaultName);
  const decorate = createDecorator((instance, body, frozen) => {
    const found = databases.get(instance as object);
    if (found === undefined && name !== undefined) throw notMadeByNest(name);
    return (found ?? (databaseHere() as Database)).transaction(body, frozen);
  }, options);
  const decorator = (first: unknown, second?: unknown, ...rest: unknown[]): unknown => {
    const decorated: unknown = (decorate as (...all: unknown[]) => unknown)(first, second, ...rest);
    const target = targetOf(first, second);
    if (target !== undefined) askForDatabase(target, name, databases);
    return decorated;
  };
  return decorator as TransactionalDecorator;
}

const names: readonly (keyof NestTransactionOptions)[] = [
  'database',
  'propagation',
  'isolationLevel',
  'readOnly',
  'timeout',
  'signal',
  'retry',
  'rollbackOn',
  'name',
];
const aName = label(200);

/** What is no options object goes on as it is: the decorator says what is wrong with it. */
function readNestOptions(args: readonly [options?: NestTransactionOptions]): {
  readonly name: string | undefined;
  readonly options: readonly [options?: TransactionOptions];
} {
  const [all = {}] = args;
  if (args.length > 1 || typeof all === 'function') return { name: undefined, options: args };
  const { database: name, ...options } = readOpen('@Transactional', all, names);
  if (name !== undefined) checkedArgument('@Transactional', 'database', name, aName);
  return { name, options: [withoutUndefined(options)] };
}

function withoutUndefined(options: object): TransactionOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function databasesOf(name: string): WeakMap<object, Database> {
  const known = given.get(name) ?? new WeakMap<object, Database>();
  given.set(name, known);
  return known;
}

/** The prototype of a decorated class, or that of a decorated method; nothing for the standard decorators and functions. */
function targetOf(first: unknown, second: unknown): object | undefined {
  if (typeof second === 'string' || typeof second === 'symbol') return first as object;
  const prototype: unknown = typeof first === 'function' && second === undefined ? first.prototype : undefined;
  return typeof prototype === 'object' && prototype !== null ? prototype : undefined;
}

/** Has Nest give the database to each object that it makes of the class. It leaves no trace in the objects themselves. */
function askForDatabase(prototype: object, name: string | undefined, databases: WeakMap<object, Database>): void {
  const key = Symbol.for(`sluice.nestjs.database(${name ?? defaultName})`);
  // What is static has no object that Nest could make.
  if (typeof prototype === 'function' || Object.hasOwn(prototype, key)) return;
  Object.defineProperty(prototype, key, {
    configurable: true,
    get(this: object) {
      return databases.get(this);
    },
    set(this: object, database: Database) {
      databases.set(this, database);
    },
  });
  if (name !== undefined) noteAsked('database', name);
  Inject(getDatabaseToken(name))(prototype, key);
  // One that is named must be there; without a name the class may be used where there is no module.
  if (name === undefined) Optional()(prototype, key);
}

function notMadeByNest(name: string): NoDatabaseError {
  return new NoDatabaseError({
    what: `A method with @Transactional({ database: '${name}' }) was called on an object that Nest has not made`,
    remedy: 'Let Nest make the object, as a provider, or decorate it with the Transactional of a database',
  });
}
