import { InvalidOptionError } from './errors.ts';

/** Says what is wrong with a value, or nothing when it is accepted. */
export type Check = (value: unknown) => string | undefined;

/** Checks by option name; an option that is not named here is refused. */
export type Checks = Readonly<Record<string, Check>>;

/** Options after the defaults were filled in. */
export type Filled<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/**
 * Refuses an options object with unknown names or values that do not pass.
 * `undefined` counts as not given. The values themselves never enter the message.
 * @throws InvalidOptionError
 */
export function checkOptions(owner: string, options: unknown, checks: Checks): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionError({
      what: `${owner} expects an options object and got ${typeName(options)}`,
      remedy: `Pass an object with any of: ${Object.keys(checks).join(', ')}`,
    });
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) {
      throw new InvalidOptionError({
        what: `${owner} has no option "${shorten(name)}"`,
        remedy: `The options are: ${Object.keys(checks).join(', ')}`,
      });
    }
    const expected = value === undefined ? undefined : check(value);
    if (expected !== undefined) {
      throw new InvalidOptionError({
        what: `${owner} got ${typeName(value)} for the option "${name}"`,
        remedy: `Give ${expected}`,
      });
    }
  }
}

/** A whole number from `low` to `high`, both included. */
export function integer(low: number, high: number): Check {
  return (value) =>
    Number.isInteger(value) && Number(value) >= low && Number(value) <= high
      ? undefined
      : `a whole number from ${low} to ${high}`;
}

/** One of the given strings. */
export function oneOf(allowed: readonly string[]): Check {
  return (value) => (typeof value === 'string' && allowed.includes(value) ? undefined : `one of ${allowed.join(', ')}`);
}

export const aFunction: Check = (value) => (typeof value === 'function' ? undefined : 'a function');
export const aBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
export const anObject: Check = (value) => (typeof value === 'object' && value !== null ? undefined : 'an object');
export const anything: Check = () => undefined;
export const aSignal: Check = (value) => (value instanceof AbortSignal ? undefined : 'an AbortSignal');

/** Text that is not empty and has at most `longest` characters. */
export function text(longest: number): Check {
  return (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= longest
      ? undefined
      : `text of 1 to ${longest} characters`;
}

/** The longest time that a Node.js timer can wait, in milliseconds (about 24.8 days). */
export const longestTimer = 2_147_483_647;

/** The kind of a value, and the value itself only where it is a number, which cannot be a secret. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  return typeof value === 'undefined' ? 'undefined' : `a value of type ${typeof value}`;
}

function shorten(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}
