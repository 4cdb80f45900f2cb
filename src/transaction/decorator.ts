import { captureOrigin, InvalidOptionError, typeName } from '../core/index.ts';
import { readOnce, type TransactionOptions } from './options.ts';

/** A method that a transaction can be put around. */
export type AsyncMethod<This, Arguments extends unknown[], Result> = (
  this: This,
  ...args: Arguments
) => Promise<Result>;

/** A decorator for async methods, for the standard decorators and for TypeScript's legacy ones alike. */
export interface TransactionalDecorator {
  <This, Arguments extends unknown[], Result>(
    method: AsyncMethod<This, Arguments, Result>,
    context: ClassMethodDecoratorContext<This, AsyncMethod<This, Arguments, Result>>,
  ): AsyncMethod<This, Arguments, Result>;
  <Method extends (...args: never[]) => Promise<unknown>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): TypedPropertyDescriptor<Method>;
}

/** Runs `body` in a transaction for `instance`, on which the decorated method was called. */
export type RunForInstance = (
  instance: unknown,
  body: () => Promise<unknown>,
  options: TransactionOptions,
) => Promise<unknown>;

type AnyMethod = (this: unknown, ...args: unknown[]) => Promise<unknown>;

/**
 * Makes a decorator that runs each call of a method through `run`. Its transactions are named after
 * the method, unless the options name them.
 * @throws InvalidOptionError where the decorator is made
 */
export function createDecorator(run: RunForInstance, options: TransactionOptions = {}): TransactionalDecorator {
  const origin = captureOrigin(createDecorator);
  const given = readOnce(options, origin);
  const wrap = (method: AnyMethod): AnyMethod => {
    const frozen = readOnce({ ...given, name: given.name ?? (nameOf(method) || undefined) }, origin);
    // An async method rejects, whatever is wrong; where no database is open, say.
    const wrapped: AnyMethod = function (...args) {
      try {
        return run(this, () => method.apply(this, args), frozen);
      } catch (error) {
        return Promise.reject(error);
      }
    };
    return imitate(wrapped, method);
  };
  const decorate = (first: unknown, second: unknown, descriptor?: { value?: unknown }): unknown => {
    const isStandard = typeof second === 'object' && second !== null && 'kind' in second;
    const method = isStandard ? first : descriptor?.value;
    if (typeof method !== 'function') throw notAMethod(method);
    if (/Generator/.test(Object.prototype.toString.call(method))) throw isGenerator(method.name);
    const wrapped = wrap(method as AnyMethod);
    return isStandard ? wrapped : Object.assign(descriptor ?? {}, { value: wrapped });
  };
  return decorate as TransactionalDecorator;
}

/** As the name of a transaction: methods may be called anything. */
function nameOf({ name }: AnyMethod): string {
  return name
    .slice(0, 200)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?');
}

function notAMethod(decorated: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `@Transactional() decorates ${typeName(decorated)}`,
    remedy: 'Put it on a method of a class',
  });
}

function isGenerator(name: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `@Transactional() decorates the generator method "${name}", which runs when its values are read, and so after its transaction`,
    remedy: 'Decorate an async method that reads it inside and returns what it gave, as with "await drain(...)"',
  });
}

/** Metadata of `reflect-metadata`, where other decorators of a framework look for theirs. */
interface MetadataReflection {
  getOwnMetadataKeys?(target: object): unknown[];
  getOwnMetadata?(key: unknown, target: object): unknown;
  defineMetadata?(key: unknown, value: unknown, target: object): void;
}

/** Gives the wrapper the name, length, properties and metadata of the method, since frameworks read them. */
function imitate(wrapped: AnyMethod, method: AnyMethod): AnyMethod {
  const properties = Object.getOwnPropertyDescriptors(method);
  for (const [key, descriptor] of Object.entries(properties)) {
    if (descriptor.configurable === true) Object.defineProperty(wrapped, key, descriptor);
  }
  const reflection = Reflect as MetadataReflection;
  for (const key of reflection.getOwnMetadataKeys?.(method) ?? []) {
    reflection.defineMetadata?.(key, reflection.getOwnMetadata?.(key, method), wrapped);
  }
  return wrapped;
}
