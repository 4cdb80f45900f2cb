import {
  assertBegun,
  boundTo,
  type clientOf,
  type OwnTransactions,
  shareOfTransaction,
  Shares,
  placeHere,
} from '../../library/index.ts';
import { type Database, type Db, InvalidOptionError } from '../../index.ts';
import { type Call, deferred, isPending, isQuery, runOn } from './deferred-query.ts';
import { isRawQuery, refusedText, textOf } from './raw-query.ts';
import { facade, valueOf } from './facade.ts';
import { openShare, type PrismaLike } from './transaction-share.ts';

type Method = (...args: unknown[]) => unknown;

/** What a client and those that extend it have in common. */
export interface Ground {
  readonly database: Database;
  readonly client: ReturnType<typeof clientOf>;
  readonly db: Db;
  readonly clientName: string | undefined;
  readonly own: OwnTransactions;
  /** The bound clients by those of Prisma, and by themselves. */
  readonly bound: WeakMap<object, object>;
}

/** Gives the interactive transaction that represents the ambient one; undefined outside. */
type Share = () => Promise<object> | undefined;

/**
 * The client with its queries and transactions bound. A client that extends another has a share of its own in the ambient
 * transaction, since what it adds to queries, results and models is not that of the other.
 */
export function boundClient<Client extends PrismaLike>(client: Client, ground: Ground): Client {
  const found = ground.bound.get(client);
  if (found !== undefined) return found as Client;
  const share = shareOf(client, ground);
  const models = new WeakMap<object, object>();
  const proxy: Client = facade(client, (target, property) => {
    if (property === boundTo) return ground.client;
    if (property === '$transaction') return transactionOf(target, ground.own, share);
    const value = valueOf(target, property);
    if (property === '$extends') return (extension: unknown) => extended({ client, proxy }, extension, ground);
    if (property === '$parent') return isPrisma(value) ? boundClient(value, ground) : value;
    if (typeof property !== 'string') return value;
    if (typeof value === 'function')
      return isRawQuery(property)
        ? raw(value as Method, property, { self: target, share, client: ground.client })
        : value;
    if (!isModel(property, value)) return value;
    const found = models.get(value);
    if (found !== undefined) return found;
    const model = boundModel(value, property, { ground, share });
    models.set(value, model);
    return model;
  });
  ground.bound.set(client, proxy);
  ground.bound.set(proxy, proxy);
  return proxy;
}

function shareOf(client: PrismaLike, { database, db, clientName }: Ground): Share {
  const shares = new Shares<Promise<object>>();
  const make = (): Promise<object> => openShare(client, (end) => db.afterCompletion(end));
  const options = { database, clientName, standsFor: true } as const;
  return () => (db.inTransaction ? shareOfTransaction(shares, options, make) : undefined);
}

interface Bound {
  readonly client: PrismaLike & { readonly $extends?: Method };
  readonly proxy: object;
}

/** What `$extends` gives, bound too. An extension that is a function gets the bound client, which it extends. */
function extended({ client, proxy }: Bound, extension: unknown, ground: Ground): unknown {
  const made: unknown =
    typeof extension === 'function'
      ? (extension as Method)(proxy)
      : Reflect.apply(client.$extends as Method, client, [extension]);
  return isPrisma(made) ? boundClient(made, ground) : made;
}

interface Joining {
  readonly self: object;
  readonly share: Share;
  readonly client: Ground['client'];
}

interface Binding {
  readonly ground: Ground;
  readonly share: Share;
}

/** A model: what extensions add to it sees the bound one as `this`, so that their queries join as well. */
function boundModel(model: object, name: string, { ground, share }: Binding): object {
  const proxy: object = facade(model, (target, property) => {
    const value = valueOf(target, property);
    if (property === '$parent') return isPrisma(value) ? boundClient(value, ground) : value;
    if (typeof property !== 'string' || typeof value !== 'function') return value;
    return joining(value as Method, [name, property], { self: proxy, share, client: ground.client });
  });
  return proxy;
}

/** In the ambient transaction it runs on what others share, so a text that begins or ends a part of it would be theirs too. */
function raw(method: Method, name: string, { self, share, client }: Joining): Method {
  return (...args) => {
    const isControl = client.driver.inspect(textOf(args[0])) === 'control';
    const refusing: Share = () => (share() === undefined ? undefined : refusedText(name, placeHere(client)));
    return joining(method, [name], { self, share: isControl ? refusing : share, client })(...args);
  };
}

/** A method of which what it gives, if it is a query of Prisma that has not run yet, runs in the ambient transaction. */
function joining(method: Method, path: readonly string[], { self, share, client }: Joining): Method {
  return (...args) => {
    const made = Reflect.apply(method, self, args);
    if (!isPending(made)) return made;
    const calls = path.map((name, at): Call => [name, at === path.length - 1 ? args : undefined]);
    return deferred(made, { here: share(), there: share, client, calls });
  };
}

/** `$transaction`: interactive ones and lists alike become a scope of their own. */
function transactionOf(client: PrismaLike, own: OwnTransactions, share: Share): PrismaLike['$transaction'] {
  return (work, options) => {
    const entry =
      typeof work === 'function' ? begun((inner) => (work as Method)(nesting(inner, own.ofHandle()))) : work;
    // Prisma batches a list with what others ask for, so in a transaction its queries run one after the other.
    const list = isListOfQueries(work) && share() !== undefined ? work : undefined;
    refuseNote(options);
    // A copy, since Prisma notes in it which transaction a nested one is of.
    return own.run(() => client.$transaction(list === undefined ? entry : runList(list), options && { ...options }));
  };
}

/** Prisma's own note of the transaction that one nests in. @throws InvalidOptionError */
function refuseNote(options: { readonly newTxId?: unknown } | undefined): void {
  if (options?.newTxId === undefined) return;
  throw new InvalidOptionError({
    what: 'A transaction of Prisma got the option "newTxId", which is Prisma\'s own',
    remedy: 'Use $transaction of the handle that the outer transaction gives',
  });
}

/** The body of an interactive transaction. @throws InvalidOptionError where Prisma does not use the ambient pool */
function begun<Result>(body: (inner: PrismaLike) => Result | Promise<Result>): (inner: PrismaLike) => Promise<Result> {
  return async (inner) => {
    assertBegun('Prisma');
    return await body(inner);
  };
}

/** What Prisma takes for one; the others are its to refuse. */
function isListOfQueries(work: unknown): work is readonly object[] {
  return Array.isArray(work) && work.length > 0 && work.every((query) => isQuery(query));
}

function runList(queries: readonly object[]): (inner: PrismaLike) => Promise<unknown[]> {
  return begun(async (inner) => {
    const results: unknown[] = [];
    for (const query of queries) results.push(await runOn(inner, query));
    return results;
  });
}

/** The client of an interactive transaction, whose own `$transaction` nests in it; before Prisma 7 it has none. */
function nesting(client: PrismaLike, own: OwnTransactions): object {
  if (!isPrisma(client)) return client;
  const bound = transactionOf(client, own, () => undefined);
  return facade(client, (target, property) => (property === '$transaction' ? bound : valueOf(target, property)));
}

function isModel(property: string, value: unknown): value is object {
  return typeof value === 'object' && value !== null && !/^[$_]/.test(property);
}

function isPrisma(client: unknown): client is PrismaLike {
  return (
    typeof client === 'object' && client !== null && typeof (client as Partial<PrismaLike>).$transaction === 'function'
  );
}
