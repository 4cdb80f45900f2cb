/** A property, and the arguments that it is called with; none: it is only taken. */
export type Call = readonly [name: string, args: readonly unknown[] | undefined];

const all = new WeakSet<object>();

/** Whether it is a query of Prisma itself, which runs when it is awaited and has no place to run yet. */
export function isPending(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Reflect.get(value, Symbol.toStringTag) === 'PrismaPromise' &&
    !all.has(value)
  );
}

/**
 * What a query on a client that is not there yet gives: it runs when it is awaited, as Prisma's queries do, and
 * has their fluent methods (`findUnique(...).posts()`).
 */
export function deferred(target: Promise<object>, calls: readonly Call[]): object {
  let running: Promise<unknown> | undefined;
  const run = (): Promise<unknown> => (running ??= carryOut(target, calls));
  const promise: Record<string | symbol, unknown> = {
    // oxlint-disable-next-line unicorn/no-thenable -- it is awaited as Prisma's own promises are
    then: (onFulfilled: never, onRejected: never) => run().then(onFulfilled, onRejected),
    catch: (onRejected: never) => run().catch(onRejected),
    finally: (onFinally: never) => run().finally(onFinally),
    [Symbol.toStringTag]: 'PrismaPromise',
  };
  const query = new Proxy(promise, {
    get(own, property) {
      if (typeof property !== 'string' || property in own) return own[property];
      return (...args: unknown[]) => deferred(target, [...calls, [property, args]]);
    },
  });
  all.add(query);
  return query;
}

async function carryOut(target: Promise<object>, calls: readonly Call[]): Promise<unknown> {
  let at: unknown = await target;
  for (const [name, args] of calls) {
    const value: unknown = Reflect.get(at as object, name);
    at = args === undefined ? value : Reflect.apply(value as (...given: unknown[]) => unknown, at, args);
  }
  return await at;
}
