import { InvalidOptionError } from '../../core/index.ts';
import type { TransactionalDecorator } from '../../index.ts';
import type { TransactionOptionsOf } from './adapter.ts';
import { TransactionHost } from './host.ts';
import { isPropagation, type Propagation } from './propagation.ts';

/**
 * Runs each call of a method in a transaction, of the plugin of a name if one is given.
 *
 * ```ts
 * import { Propagation, Transactional } from 'sluice/compat/nestjs-cls';
 *
 * class Orders {
 *   @Transactional(Propagation.RequiresNew)
 *   async audit(event: string): Promise<void> {
 *     console.log(event);
 *   }
 * }
 * ```
 * @throws InvalidOptionError on what is no method; calls reject with what `TransactionHost.withTransaction` throws
 */
export function Transactional<TAdapter>(
  connectionNameOrPropagation?: string | TransactionOptionsOf<TAdapter>,
): MethodDecorator & TransactionalDecorator;
export function Transactional<TAdapter>(
  connectionNameOrPropagation: string,
  second?: Propagation | TransactionOptionsOf<TAdapter>,
): MethodDecorator & TransactionalDecorator;
export function Transactional<TAdapter>(
  connectionName: string,
  propagation: Propagation,
  options?: TransactionOptionsOf<TAdapter>,
): MethodDecorator & TransactionalDecorator;
export function Transactional(...given: unknown[]): MethodDecorator & TransactionalDecorator {
  const [connectionName] = given.filter((value) => typeof value === 'string' && !isPropagation(value)) as string[];
  // A second string is a propagation, or refused as none.
  const asked = given.filter(
    (value) => (typeof value === 'string' && value !== connectionName) || (typeof value === 'object' && value !== null),
  );
  const wrap = (method: unknown, key: unknown): unknown => {
    if (typeof method !== 'function') throw notAMethod(key);
    return wrapped(method, connectionName, asked);
  };
  const decorate = (first: unknown, second: unknown, descriptor?: { value?: unknown }): unknown => {
    // The decorators of ECMAScript get the method first.
    if (descriptor === undefined) return wrap(first, (second as { readonly name: unknown }).name);
    descriptor.value = wrap(descriptor.value, second);
    return undefined;
  };
  return decorate as MethodDecorator & TransactionalDecorator;
}

function wrapped(method: Function, connectionName: string | undefined, asked: unknown[]): unknown {
  const proxy = new Proxy(method, {
    async apply(_method, instance: unknown, args: unknown[]) {
      const host = TransactionHost.getInstance(connectionName) as {
        withTransaction(...all: unknown[]): Promise<unknown>;
      };
      return await host.withTransaction(...asked, method.bind(instance, ...args));
    },
  });
  copyMetadata(method, proxy);
  return proxy;
}

interface MetadataReflection {
  getOwnMetadataKeys?(target: object): unknown[];
  getOwnMetadata?(key: unknown, target: object): unknown;
  defineMetadata?(key: unknown, value: unknown, target: object): void;
}

function copyMetadata(from: object, to: object): void {
  const reflection = Reflect as MetadataReflection;
  for (const key of reflection.getOwnMetadataKeys?.(from) ?? []) {
    reflection.defineMetadata?.(key, reflection.getOwnMetadata?.(key, from), to);
  }
}

function notAMethod(key: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `The @Transactional decorator can be only used on functions, but ${String(key)} is not a function.`,
    remedy: 'Put it on a method',
  });
}
