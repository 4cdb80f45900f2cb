import { AsyncLocalStorage } from 'node:async_hooks';
import { type Check, integer, oneOf, readOptions, sharedByCopies } from '../../core/index.ts';
import { StorageDriver } from './names.ts';

/** Options of `initializeTransactionalContext`. */
export interface TypeormTransactionalOptions {
  /** More hooks of one kind in one transaction are warned of (`SLUICE_HOOK_HANDLERS`); 0 and `Infinity`: never. Default 10. */
  readonly maxHookHandlers: number;
  /** Without effect: the context is kept in `AsyncLocalStorage`. */
  readonly storageDriver: StorageDriver;
}

/** A place for values that live as long as a call of `run`. Transactions need it no more. */
export interface TransactionalContext {
  /** Whether the code here is called by a function that was given to `run`. */
  readonly active: boolean;
  /** What was set here or around; `undefined` outside of `run`. */
  get(key: string): unknown;
  /** Sets a value for what runs below the same call of `run`; without effect outside of one. */
  set(key: string, value: unknown): void;
  /** Runs `cb` with a copy of the values around it. */
  run<Result>(cb: () => Promise<Result>): Promise<Result>;
}

interface Shared {
  readonly values: AsyncLocalStorage<Map<string, unknown>>;
  maxHookHandlers: number;
}

const shared = sharedByCopies('compat-typeorm-context', (): Shared => ({
  values: new AsyncLocalStorage(),
  maxHookHandlers: 10,
}));

const context: TransactionalContext = {
  get active() {
    return shared.values.getStore() !== undefined;
  },
  get: (key) => shared.values.getStore()?.get(key),
  set: (key, value) => void shared.values.getStore()?.set(key, value),
  run: (cb) => shared.values.run(new Map(shared.values.getStore()), cb),
};

const count: Check = (value) =>
  value === Number.POSITIVE_INFINITY ? undefined : integer(0, 2 ** 31 - 1)(value) && 'a whole number or Infinity';
const checks: Record<keyof TypeormTransactionalOptions, Check> = {
  maxHookHandlers: count,
  storageDriver: oneOf(Object.keys(StorageDriver)),
};

/**
 * Takes the options. Nothing has to be prepared, so a program may leave the call out.
 *
 * ```ts
 * import { initializeTransactionalContext } from 'sluice/compat/typeorm-transactional';
 *
 * initializeTransactionalContext({ maxHookHandlers: 0 });
 * ```
 * @throws InvalidOptionError
 */
export function initializeTransactionalContext(
  options: Partial<TypeormTransactionalOptions> = {},
): TransactionalContext {
  const { maxHookHandlers } = readOptions('initializeTransactionalContext', options, checks);
  if (maxHookHandlers !== undefined) shared.maxHookHandlers = maxHookHandlers;
  return context;
}

/** What `initializeTransactionalContext` returns. */
export function getTransactionalContext(): TransactionalContext {
  return context;
}

/** How many hooks of a kind one transaction may have before that is warned of. */
export function hookHandlers(): number {
  return shared.maxHookHandlers === 0 ? Number.POSITIVE_INFINITY : shared.maxHookHandlers;
}
