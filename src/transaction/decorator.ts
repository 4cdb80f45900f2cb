import { captureOrigin, InvalidOptionError, type Origin, typeName } from '../core/index.ts';
import { readOnce, type TransactionOptions } from './options.ts';

/** A method that a transaction can be put around. */
export type AsyncMethod<This, Arguments extends unknown[], Result> = (
  this: This,
  ...args: Arguments
) => Promise<Result>;

/**
 * A decorator for async methods, for classes and for fields with async functions, in the standard decorators and in TypeScript's
 * legacy ones (which cannot have fields); called with a function alone, it wraps that.
 *
 * On a class it decorates each async method of the class: not static ones, accessors, methods that are no `async`
 * functions, methods named by symbols, nor inherited ones. A method with a decorator of its own has the options of that.
 */
export interface TransactionalDecorator {
  <This, Arguments extends unknown[], Result>(
    method: AsyncMethod<This, Arguments, Result>,
    context: ClassMethodDecoratorContext<This, AsyncMethod<This, Arguments, Result>>,
  ): AsyncMethod<This, Arguments, Result>;
  <This, Method extends (...args: never[]) => Promise<unknown>>(
    value: undefined,
    context: ClassFieldDecoratorContext<This, Method>,
  ): (initial: Method) => Method;
  (target: abstract new (...args: never[]) => object, context?: ClassDecoratorContext): void;
  <Method extends (...args: never[]) => Promise<unknown>>(fn: Method): Method;
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
 * @param given the arguments of the call: the options alone
 * @throws InvalidOptionError where the decorator is made
 */
export function createDecorator(
  run: RunForInstance,
  given: readonly [options?: TransactionOptions | undefined, ...more: unknown[]],
): TransactionalDecorator {
  const origin = captureOrigin(createDecorator);
  // A decorator without parentheses is called with what it decorates.
  const [options = {}] = given;
  if (typeof options === 'function' || given.length > 1) throw uncalled();
  const read = readOnce(options, origin);
  const wrap: Wrap = (method, key) => {
    if (typeof method !== 'function') throw notAMethod(method);
    if (isGenerator(method)) throw generator(method.name);
    const frozen = readOnce({ ...read, name: read.name ?? nameOf(method, key, origin) }, origin);
    // An async method rejects, whatever is wrong; where no database is open, say.
    const wrapped: AnyMethod = function (...args) {
      try {
        return run(this, () => (method as AnyMethod).apply(this, args), frozen);
      } catch (error) {
        return Promise.reject(error);
      }
    };
    return imitate(wrapped, method as AnyMethod);
  };
  return decorateWith(wrap) as TransactionalDecorator;
}

type Wrap = (method: unknown, key?: unknown) => AnyMethod;

/** What the decorators of `experimentalDecorators` get third: of a method its descriptor, of a parameter its index. */
type Third = { value?: unknown; get?: unknown; set?: unknown } | number | undefined;

/** Tells apart what is decorated, and in which standard. */
function decorateWith(wrap: Wrap): (first: unknown, second?: unknown, third?: Third) => unknown {
  return (first, second, third) => {
    const misplaced = misplacement(second, third);
    if (misplaced !== undefined) throw notThere(misplaced);
    if (isClass(first) && (second === undefined || kindOf(second) === 'class')) return decorateClass(first, wrap);
    if (kindOf(second) === 'field') return (initial: unknown) => wrap(initial, (second as DecoratorContext).name);
    if (kindOf(second) !== undefined) return wrap(first, (second as DecoratorContext).name);
    if (second === undefined && typeof first === 'function') return wrap(first);
    const descriptor = typeof third === 'object' ? third : {};
    return Object.assign(descriptor, { value: wrap(descriptor.value, second) });
  };
}

/** What a decorator stands on that is called by no method's call, in words; nothing where it stands well. */
function misplacement(second: unknown, third: Third): string | undefined {
  const kind = kindOf(second);
  if (kind === 'getter' || kind === 'setter' || kind === 'accessor')
    return `the ${kind} "${String((second as DecoratorContext).name)}"`;
  if (typeof third === 'number')
    return `the parameter ${third + 1} of ${typeof second === 'string' ? `"${second}"` : 'the constructor'}`;
  if (kind !== undefined || (typeof second !== 'string' && typeof second !== 'symbol')) return undefined;
  if (third?.get !== undefined || third?.set !== undefined) return `the accessor "${String(second)}"`;
  // Such a decorator is told neither what a property holds nor when.
  return third?.value === undefined ? `the property "${String(second)}"` : undefined;
}

/** Wraps the async methods of a class in place. */
function decorateClass({ prototype }: { readonly prototype: object }, wrap: Wrap): void {
  for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const method: unknown = descriptor.value;
    if (key === 'constructor' || typeof method !== 'function') continue;
    // What has a decorator of its own is wrapped in a function that is not async.
    if (!isAsync(method) && !isGenerator(method)) continue;
    Object.defineProperty(prototype, key, { ...descriptor, value: wrap(method, key) });
  }
}

function kindOf(context: unknown): string | undefined {
  return typeof context === 'object' && context !== null && 'kind' in context ? String(context.kind) : undefined;
}

function isClass(value: unknown): value is { readonly prototype: object } {
  return typeof value === 'function' && Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false;
}

function isAsync(method: object): boolean {
  return Object.prototype.toString.call(method) === '[object AsyncFunction]';
}

/** Whether calling it runs nothing yet. */
export function isGenerator(method: object): boolean {
  return /^\[object (Async)?GeneratorFunction\]$/.test(Object.prototype.toString.call(method));
}

/** The name of a transaction: that of the method, else of its property, else the place where it was decorated. */
function nameOf(method: { readonly name: string }, key: unknown, origin: Origin): string {
  const property = typeof key === 'symbol' ? key.description : key;
  const name = method.name || (typeof property === 'string' ? property : '') || placeOf(origin);
  // Methods may be called anything.
  return name
    .slice(0, 200)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?');
}

/** The file and line, without its folders. */
function placeOf(origin: Origin): string {
  const place = /([^/\\]+:\d+):\d+$/.exec(origin() ?? '')?.[1];
  return place === undefined ? 'fn' : `fn (${place})`;
}

function notAMethod(decorated: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `@Transactional() decorates ${typeName(decorated)}`,
    remedy: 'Put it on a method or a field with an async function, or on a class',
  });
}

function notThere(place: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `@Transactional() decorates ${place}`,
    remedy:
      'Put it on an async method or a class; on a field with an async function only with decorators of ECMAScript, without experimentalDecorators',
  });
}

function uncalled(): InvalidOptionError {
  return new InvalidOptionError({
    what: '@Transactional was written without parentheses',
    remedy: 'Write @Transactional(), or Transactional()(fn) around a function alone',
  });
}

function generator(name: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `@Transactional() decorates the generator method "${name}", which runs when its values are read: after its transaction`,
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
export function imitate<Wrapped extends object>(wrapped: Wrapped, method: object): Wrapped {
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
