import { sharedByCopies } from '../../core/index.ts';
import { asBound, type clientOf } from '../../library/index.ts';

/** A property, and the arguments that it is called with; none: it is only taken. */
export type Call = readonly [name: string, args: readonly unknown[] | undefined];

/** Where a query runs, and how it is made there. */
export interface Plan {
  /** The client of the transaction in which it was made; none: it was made outside of one. */
  readonly here: Promise<object> | undefined;
  /** That of where it is awaited. */
  readonly there: () => Promise<object> | undefined;
  readonly client: ReturnType<typeof clientOf>;
  readonly calls: readonly Call[];
}

const plans = sharedByCopies('prisma-plans', () => new WeakMap<object, Plan>());

/** Whether it is a query of Prisma itself, which runs when it is awaited and has no place to run yet. */
export function isPending(value: unknown): value is object {
  return isQuery(value) && !plans.has(value);
}

/** Whether it is what Prisma takes for a query. */
export function isQuery(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Reflect.get(value, Symbol.toStringTag) === 'PrismaPromise';
}

/**
 * A query as Prisma has made it, which runs in the ambient transaction: that in which it was made, or else that in which it is
 * awaited first, as Prisma's queries run when they are awaited. With its fluent methods (`findUnique(...).posts()`).
 */
export function deferred(made: object, plan: Plan): object {
  let running: PromiseLike<unknown> | undefined;
  const run = (): PromiseLike<unknown> => (running ??= start(made, plan));
  const own: Readonly<Record<string, (...args: never[]) => unknown>> = {
    // oxlint-disable-next-line unicorn/no-thenable -- it is awaited as Prisma's own promises are
    then: (onFulfilled: never, onRejected: never) => run().then(onFulfilled, onRejected),
    catch: (onRejected: never) => run().then(undefined, onRejected),
    finally: (onFinally: never) => Promise.resolve(run()).finally(onFinally),
  };
  const query = new Proxy(made, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof property !== 'string' || typeof value !== 'function') return value;
      if (Object.hasOwn(own, property)) return own[property];
      // One of Prisma's lists runs it outside of a transaction.
      if (property === 'requestTransaction') return plan.here === undefined ? value : run;
      return (...args: unknown[]) => {
        const next: unknown = Reflect.apply(value, target, args);
        return isPending(next) ? deferred(next, { ...plan, calls: [...plan.calls, [property, args]] }) : next;
      };
    },
  });
  plans.set(query, plan);
  return query;
}

/** Runs a query that was made elsewhere on this client; one that is of no bound client where that wants it. */
export async function runOn(client: object, query: unknown): Promise<unknown> {
  const plan = plans.get(query as object);
  return await (plan === undefined ? query : carryOut(client, plan.calls));
}

function start(made: object, { here, there, client, calls }: Plan): PromiseLike<unknown> {
  const share = here ?? there();
  if (share !== undefined) return share.then((found) => carryOut(found, calls));
  // It runs when it is asked for its result, and may begin a transaction for what it writes. What the program does with the
  // result is no part of it.
  return new Promise((resolve, reject) => {
    asBound(client, () => void (made as PromiseLike<unknown>).then(resolve, reject));
  });
}

async function carryOut(client: object, calls: readonly Call[]): Promise<unknown> {
  let at: unknown = client;
  for (const [name, args] of calls) {
    const value: unknown = Reflect.get(at as object, name);
    at = args === undefined ? value : Reflect.apply(value as (...given: unknown[]) => unknown, at, args);
  }
  return await at;
}
