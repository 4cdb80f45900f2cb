import { type Check, fieldOf, isThenable, storable } from '../core/index.ts';
import { InvalidPayloadError } from './errors.ts';

/**
 * A validator of a library that follows Standard Schema (zod, valibot, arktype and others). The form of the interface is that
 * of the specification, https://standardschema.dev.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the specification asks of a validator. */
  readonly '~standard': {
    /** The version of the specification. */
    readonly version: 1;
    /** The library. */
    readonly vendor: string;
    /** Gives the value that is to be used, or what is wrong. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Only for the compiler. */
    readonly types?: StandardTypes<Input, Output> | undefined;
  };
}

/** What a validator takes and gives, for the compiler. */
export interface StandardTypes<Input, Output> {
  /** What it takes. */
  readonly input: Input;
  /** What it gives. */
  readonly output: Output;
}

/** A value that passed, or what is wrong with one. */
export type StandardResult<Output> =
  | {
      /** The value to use. */
      readonly value: Output;
      /** None. */
      readonly issues?: undefined;
    }
  | {
      /** What is wrong. */
      readonly issues: readonly StandardIssue[];
    };

/** Something that is wrong with a value. */
export interface StandardIssue {
  /** What is wrong. It may contain the value. */
  readonly message: string;
  /** Where. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What validates a payload: a Standard Schema, or a function that returns the value to use, or throws. */
export type Validator<Input = unknown, Output = Input> =
  | StandardSchema<Input, Output>
  | ((value: unknown) => Output | PromiseLike<Output>);

/** An option that takes a `Validator`. */
export const aValidator: Check = (value) =>
  typeof fieldOf(fieldOf(value, '~standard'), 'validate') === 'function' || typeof value === 'function'
    ? undefined
    : 'a function, or a validator that follows Standard Schema';

/** The most places that an error names, and the longest text of one. */
const mostPlaces = 5;
const longestPlace = 100;

/**
 * Validates a value from outside. The error says where the value is wrong, and never what it is, which issues of validators
 * contain: they are dropped. What a function throws is its `cause`.
 * @param what names the value: `The payload of the event "order.placed"`
 * @throws InvalidPayloadError
 */
export async function validated<Output>(
  what: string,
  validator: Validator<unknown, Output> | undefined,
  value: unknown,
): Promise<Output> {
  if (validator === undefined) return value as Output;
  try {
    const standard = (validator as Partial<StandardSchema<unknown, Output>>)['~standard'];
    if (standard === undefined) return await (validator as (given: unknown) => Output | PromiseLike<Output>)(value);
    const given = standard.validate(value);
    const result = isThenable(given) ? await given : (given as StandardResult<Output>);
    if (result.issues === undefined) return result.value;
    throw invalid(what, placesOf(result.issues));
  } catch (cause) {
    throw cause instanceof InvalidPayloadError ? cause : invalid(what, '', cause);
  }
}

function invalid(what: string, places: string, cause?: unknown): InvalidPayloadError {
  return new InvalidPayloadError({
    what: `${what} does not pass its validator${places}`,
    remedy: 'Give what the validator of its definition takes',
    cause,
  });
}

function placesOf(issues: readonly StandardIssue[]): string {
  const places = issues.map(({ path = [] }) => path.map(keyOf).join('.')).filter((place) => place !== '');
  const shown = [...new Set(places)].slice(0, mostPlaces).map((place) => `"${storable(place, longestPlace)}"`);
  return shown.length === 0 ? '' : ` at ${shown.join(', ')}`;
}

function keyOf(segment: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment);
}
