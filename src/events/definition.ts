import { calledAs, type Check, fieldOf, InvalidOptionError, label, readOptions, typeName } from '../core/index.ts';
import { type AsJson, aValidator, type StandardSchema, type Validator } from '../payload/index.ts';

/** Options of `defineEvent`. */
export interface EventOptions<Input = unknown, Output = Input> {
  /**
   * Validates payloads when they are published, and again when a durable listener gets them: a validator that follows Standard
   * Schema (zod, valibot, arktype), or a function that returns what listeners get, or throws.
   * `publish` waits for it as long as its transaction may take. Default: none.
   */
  readonly parse?: Validator<Input, Output> | undefined;
}

declare const types: unique symbol;

/** An event by name, with the type of what is published and of what listeners get. */
export interface EventDefinition<Input = unknown, Output = Input> {
  /** The name, the same in every process. */
  readonly name: string;
  /** As in the options. */
  readonly parse: Validator<unknown, Output> | undefined;
  /** Only for the compiler. */
  readonly [types]?: (payload: Input) => Output;
}

/** What is published of an event. */
export type PayloadOf<Definition> = Definition extends EventDefinition<infer Input, infer _> ? Input : never;

const aName = label(200);
const checks: Record<keyof EventOptions, Check> = { parse: aValidator };

/**
 * Defines an event, for those who publish it and for its listeners. What listeners get is what arrives of the payload as JSON
 * (dates as text), as `parse` returns it.
 *
 * ```ts
 * const orderPlaced = defineEvent<{ orderId: number }>('order.placed');
 * ```
 * @param name one line of at most 200 characters; the same in every process
 * @throws InvalidOptionError
 */
export function defineEvent<Input, Output>(
  name: string,
  options: EventOptions<Input, Output> & { readonly parse: StandardSchema<Input, Output> },
): EventDefinition<Input, Output>;
export function defineEvent<Payload>(
  name: string,
  options?: EventOptions<Payload> & { readonly parse?: undefined },
): EventDefinition<Payload, AsJson<Payload>>;
export function defineEvent<Payload>(
  name: string,
  options: EventOptions<Payload> & { readonly parse?: (value: unknown) => Payload | PromiseLike<Payload> },
): EventDefinition<Payload>;
export function defineEvent(name: string, options: EventOptions = {}): EventDefinition {
  const expected = aName(name);
  if (expected !== undefined) {
    throw new InvalidOptionError({
      what: `defineEvent got ${typeName(name)} for its name`,
      remedy: `Give ${expected}`,
    });
  }
  const { parse } = readOptions(`The event "${name}"`, options, checks);
  return Object.freeze({ name, parse });
}
calledAs(defineEvent, "defineEvent('order.placed')");

/** @throws InvalidOptionError for what `defineEvent` has not made */
export function checkEvent(owner: string, event: unknown): void {
  const parse = fieldOf(event, 'parse');
  if (aName(fieldOf(event, 'name')) === undefined && (parse === undefined || aValidator(parse) === undefined)) return;
  throw new InvalidOptionError({
    what: `${owner} got ${typeName(event)} in place of the definition of an event`,
    remedy: `Give what defineEvent('order.placed') returned`,
  });
}
