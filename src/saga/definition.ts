import {
  calledAs,
  type Check,
  checkBody,
  integer,
  InvalidOptionError,
  listOf,
  readOptions,
  sharedByCopies,
  typeName,
} from '../core/index.ts';
import type { AsJson, KeptByJson } from '../payload/index.ts';
import type { Saga, SagaDefinition } from './saga.ts';

/** Options of `defineSaga`. */
export interface SagaDefinitionOptions {
  /** Raise it when the body asks for other steps than before. Default 1. */
  readonly version?: number | undefined;
  /** Earlier versions, with which sagas that have begun with them end. Default: none. */
  readonly earlier?: readonly SagaDefinition<never>[] | undefined;
}

/**
 * Fits every body but one whose input JSON changes or loses a part of: a `Date`, which arrives as text, methods, a `Map`, a `bigint`.
 * The error of the compiler names the members, or says what arrives.
 */
export type OfJson<Input> = [Input] extends [KeptByJson<Input>]
  ? unknown
  : [Unkept<Input>] extends [never]
    ? { readonly 'the input of a saga travels as JSON, and arrives as': AsJson<Input> }
    : { readonly 'the input of a saga travels as JSON, which changes or loses its members': Unkept<Input> };

/** The members that JSON does not keep, of an object with names. */
type Unkept<Input> = Input extends { toJSON: unknown } | Iterable<unknown> | ((...given: never[]) => unknown)
  ? never
  : Input extends object
    ? { [Key in keyof Input]-?: [Input[Key]] extends [KeptByJson<Input[Key]>] ? never : Key }[keyof Input]
    : never;

/** Runs a saga from its beginning. */
export type SagaBody = (saga: Saga, input: unknown) => unknown;

interface Defined {
  readonly body: SagaBody;
  readonly earlier: readonly SagaDefinition<never>[];
}

const defined = sharedByCopies('sagas', () => new WeakMap<object, Defined>());

/** An option that takes a definition. */
export const aDefinition: Check = (value) =>
  typeof value === 'object' && value !== null && defined.has(value) ? undefined : 'what defineSaga() returned';

const checks: Record<keyof SagaDefinitionOptions, Check> = {
  version: integer(1, 1_000_000),
  earlier: listOf(aDefinition, 1_000, 'a list of what defineSaga() returned'),
};

/**
 * Defines a saga: an async function whose steps are recorded, so that it goes on after a crash, in any process that has its
 * definition.
 *
 * ```ts
 * const checkout = defineSaga('checkout', async (saga, order: { id: number }) => {
 *   await saga.step('reserve', () => writeAudit(`reserve ${order.id}`), { compensate: () => writeAudit(`release ${order.id}`) });
 *   await saga.sleep('cool down', '1 minute');
 *   return await saga.step('confirm', () => order.id);
 * });
 * ```
 * @param name letters, digits, `-` and `_`, at most 100; the same in every process
 * @throws InvalidOptionError
 */
export function defineSaga<Input, Result>(
  name: string,
  body: ((saga: Saga, input: Input) => Result) & OfJson<Input>,
  options: SagaDefinitionOptions = {},
): SagaDefinition<Input, AsJson<Awaited<Result>>> {
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,100}$/.test(name)) {
    throw new InvalidOptionError({
      what: 'A saga was defined with a name that cannot be used',
      remedy: 'Give 1 to 100 letters, digits, "-" and "_"',
    });
  }
  const owner = `The saga "${name}"`;
  checkBody(owner, body);
  const { version = 1, earlier = [] } = readOptions(owner, options, checks);
  checkVersions(owner, name, [version, ...earlier.map((each) => each.version)], earlier);
  const definition: SagaDefinition<Input, AsJson<Awaited<Result>>> = Object.freeze({ name, version });
  defined.set(definition, { body: body as SagaBody, earlier: [...earlier] });
  return definition;
}
calledAs(defineSaga, "defineSaga('checkout', async (saga, order) => { ... })");

function checkVersions(
  owner: string,
  name: string,
  versions: readonly number[],
  earlier: readonly SagaDefinition<never>[],
): void {
  const isSound = new Set(versions).size === versions.length && earlier.every((each) => each.name === name);
  if (isSound) return;
  throw new InvalidOptionError({
    what: `${owner} got earlier definitions with another name, or with a version that is taken`,
    remedy: 'Give those of the same name, each with a version of its own',
  });
}

/** A definition and its earlier ones, by what their sagas are stored under. */
export function versionsOf(definition: SagaDefinition<never>): ReadonlyMap<string, SagaBody> {
  const all = [definition, ...(defined.get(definition)?.earlier ?? [])];
  return new Map(all.map((each) => [storedName(each), bodyOf(each)]));
}

/** What a saga is stored under. */
export function storedName({ name, version }: SagaDefinition<never>): string {
  return `${name}@${version}`;
}

function bodyOf(definition: SagaDefinition<never>): SagaBody {
  const found = defined.get(definition);
  if (found !== undefined) return found.body;
  throw new InvalidOptionError({
    what: `${typeName(definition)} was given in place of the definition of a saga`,
    remedy: 'Give what defineSaga() returned',
  });
}
