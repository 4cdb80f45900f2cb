import { InvalidOptionError, MixedVersionsError } from './errors.ts';
import { builtInName, isRecord } from './value-kind.ts';

/** The longest time that a Node.js timer can wait, in milliseconds (about 24.8 days). */
export const longestTimer = 2_147_483_647;

/** Says what is wrong with a value, or nothing when it is accepted. */
export interface Check {
  (value: unknown): string | undefined;
  /** Copies a value that has parts; the copy is checked and used in its place. @throws InvalidOptionError */
  readonly read?: ((value: unknown) => unknown) | undefined;
}

/** Checks by option name; an option that is not named here is refused. */
export type Checks = Readonly<Record<string, Check>>;

/** Options after the defaults were filled in. */
export type Filled<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/**
 * Reads an options object, each option once, into a plain one, which is what was checked and the only one to use: a getter
 * or a Proxy may answer otherwise the next time. Options count wherever property access finds them, so those of a class and of
 * a prototype too. Refuses unknown names and values that do not pass; `undefined` counts as not given. The values themselves
 * never enter the message.
 * @throws InvalidOptionError
 */
export function readOptions<Options extends object>(
  owner: string,
  options: Options,
  checks: Checks,
  required: readonly (keyof Options & string)[] = [],
): Options {
  return reading(owner, () => {
    refuseUnknown(owner, options, checks);
    const read: Record<string, unknown> = {};
    for (const name in checks) {
      const given = (options as Record<string, unknown>)[name];
      const value = given === undefined ? given : checked(owner, name, given, checks[name] ?? anything);
      if (value !== undefined) read[name] = value;
    }
    const missing = required.find((name) => read[name] === undefined);
    if (missing === undefined) return read as Options;
    throw new InvalidOptionError({ what: `${owner} got no "${missing}"`, remedy: `Give ${required.join(' and ')}` });
  });
}

/**
 * Copies options whose names and values others check; those of a prototype too.
 * @param own names that are ours
 * @throws InvalidOptionError for what is no object, and for a name that is almost one of ours, which would have no effect
 */
export function readOpen<Options extends object>(
  owner: string,
  options: Options,
  own: readonly (keyof Options & string)[],
): Options {
  return reading(owner, () => {
    if (!isRecord(options)) throw noObject(owner, options, 'Pass an object');
    const names = new Set<string>(own);
    for (const name in options) {
      refuseMisspelt(owner, name, own);
      names.add(name);
    }
    return Object.fromEntries([...names].map((name) => [name, options[name as keyof Options]])) as Options;
  });
}

function refuseMisspelt(owner: string, name: string, own: readonly string[]): void {
  if (own.includes(name)) return;
  const meant = own.find((ours) => isAlmost(name, ours));
  if (meant === undefined) return;
  throw new InvalidOptionError({
    what: `${owner} has no option "${shorten(name)}"`,
    remedy: `Did you mean "${meant}"?`,
  });
}

/** Whether a name is another one but for case, and for a letter; two of a long one, since short ones have neighbours. */
function isAlmost(name: string, other: string): boolean {
  const most = other.length < 8 ? 1 : 2;
  if (Math.abs(name.length - other.length) > most) return false;
  return lettersBetween(name.toLowerCase(), other.toLowerCase()) <= most;
}

/** How many letters have to be added, taken away or changed to make one text of the other. */
function lettersBetween(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [row, letter] of Array.from(from).entries()) {
    const line = [row + 1];
    for (const [at, other] of Array.from(to).entries()) {
      const changed = (above[at] ?? 0) + (letter === other ? 0 : 1);
      line.push(Math.min(changed, (above[at + 1] ?? 0) + 1, (line[at] ?? 0) + 1));
    }
    above = line;
  }
  return above[to.length] ?? 0;
}

/** Runs what reads an object of the program, whose getters may throw. @throws InvalidOptionError */
export function reading<Result>(owner: string, read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof InvalidOptionError || cause instanceof MixedVersionsError) throw cause;
    throw new InvalidOptionError({
      what: `${owner} got something that cannot be read: it threw`,
      remedy: 'Give plain values; see "cause"',
      cause,
    });
  }
}

/** @throws InvalidOptionError for what is no object, and for names without a check */
export function refuseUnknown(owner: string, options: unknown, checks: Checks): asserts options is object {
  if (!isRecord(options))
    throw noObject(owner, options, `Pass an object with any of: ${Object.keys(checks).join(', ')}`);
  // Inherited properties too, except those that were added to Object.prototype.
  for (const name in options) {
    if (Object.hasOwn(checks, name) || (name in Object.prototype && !Object.hasOwn(options, name))) continue;
    throw new InvalidOptionError({
      what: `${owner} has no option "${shorten(name)}"`,
      remedy: `The options are: ${Object.keys(checks).join(', ')}`,
    });
  }
}

function noObject(owner: string, options: unknown, remedy: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `${owner} expects an options object and got ${typeName(options)}`,
    remedy,
  });
}

/** The value of an option that is to be used. @throws InvalidOptionError */
export function checked(owner: string, name: string, given: unknown, check: Check): unknown {
  if (given === undefined) return undefined;
  const value = check.read === undefined ? given : check.read(given);
  const expected = check(value);
  if (expected === undefined) return value;
  throw new InvalidOptionError({
    what: `${owner} got ${typeName(value)} for the option "${name}"`,
    remedy: `Give ${expected}`,
  });
}

/** The same for an argument with a name, which is required. @throws InvalidOptionError */
export function checkedArgument(owner: string, name: string, given: unknown, check: Check): void {
  const expected = check(given);
  if (expected === undefined) return;
  throw new InvalidOptionError({
    what: `${owner} got ${typeName(given)} for its argument "${name}"`,
    remedy: `Give ${expected}`,
  });
}

/** An options object inside of another one. */
export function optionsOf(owner: string, checks: Checks, required: readonly string[] = []): Check {
  const read = (value: unknown): unknown =>
    readOptions<Record<string, unknown>>(owner, value as Record<string, unknown>, checks, required);
  return Object.assign((): undefined => undefined, { read });
}

/** An object of entries by name, which is copied; the entries are for others to check. */
export const entriesByName: Check = Object.assign(
  (value: unknown) => (isRecord(value) ? undefined : 'an object of entries by name'),
  { read: (value: unknown) => (isRecord(value) ? { ...value } : value) },
);

/** A list of `fewest` to `most` entries that pass. */
export function listOf(check: Check, most: number, expected: string, fewest = 0): Check {
  const read = (value: unknown): unknown =>
    Array.isArray(value) && value.length <= most ? Array.from({ length: value.length }, (_, at) => value[at]) : value;
  const isOne = (value: unknown): boolean =>
    Array.isArray(value) &&
    value.length >= fewest &&
    value.length <= most &&
    value.every((entry) => check(entry) === undefined);
  return Object.assign((value: unknown) => (isOne(value) ? undefined : expected), { read });
}

/** A whole number from `low` to `high`, both included. @param unit what it counts, where that is not plain */
export function integer(low: number, high: number, unit?: 'milliseconds' | 'bytes' | 'characters'): Check {
  const expected = `a whole number ${unit === undefined ? '' : `of ${unit} `}from ${low} to ${high}`;
  return (value) => (Number.isInteger(value) && Number(value) >= low && Number(value) <= high ? undefined : expected);
}

/** A time: whole milliseconds from `low` to `high`, both included; as long as a timer can wait unless told otherwise. */
export function milliseconds(low: number, high: number = longestTimer): Check {
  return integer(low, high, 'milliseconds');
}

/** @throws InvalidOptionError for what is no function */
export function checkBody(owner: string, body: unknown): void {
  if (typeof body === 'function') return;
  throw new InvalidOptionError({
    what: `${owner} got ${typeName(body)} instead of a function to run`,
    remedy: 'Give a function',
  });
}

/** One of the given strings. */
export function oneOf(allowed: readonly string[]): Check {
  return (value) => (typeof value === 'string' && allowed.includes(value) ? undefined : `one of ${allowed.join(', ')}`);
}

export const aFunction: Check = (value) => (typeof value === 'function' ? undefined : 'a function');
export const aBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
export const anObject: Check = (value) => (typeof value === 'object' && value !== null ? undefined : 'an object');
export const aList: Check = (value) => (Array.isArray(value) ? undefined : 'a list');
export const anything: Check = () => undefined;

/** An object with these methods; of one that lacks some it is said which. */
export function withMethods(...names: readonly string[]): Check {
  const expected = `an object with ${called(names, 'and')}`;
  return (value) => {
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return expected;
    const missing = names.filter((name) => typeof (value as Record<string, unknown>)[name] !== 'function');
    if (missing.length === 0) return undefined;
    return `${expected}; ${className(value) ?? 'this one'} has no ${called(missing, 'or')}`;
  };
}

function called(methods: readonly string[], last: 'and' | 'or'): string {
  const names = methods.map((name) => `${name}()`);
  const end = names.pop() ?? '';
  return names.length === 0 ? end : `${names.join(', ')} ${last} ${end}`;
}

/** What the program calls the class of an object; nothing where it has none, or where reading it throws. */
export function className(value: object): string | undefined {
  try {
    const { constructor } = Object.getPrototypeOf(value) as { readonly constructor?: unknown };
    const name = typeof constructor === 'function' && constructor !== Object ? constructor.name : '';
    return label(100)(name) === undefined ? name : undefined;
  } catch {
    return undefined;
  }
}
export const aSignal: Check = (value) => (value instanceof AbortSignal ? undefined : 'an AbortSignal');

/**
 * Text that is not empty and has at most `longest` characters. Without NUL, at which protocols end a text and take the rest for
 * something else, and without half a character of Unicode, which no server stores.
 */
export function text(longest: number): Check {
  return (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= longest && isWhole(value)
      ? undefined
      : `text of 1 to ${longest} characters, without NUL and whole in Unicode`;
}

/** What ends a line somewhere on the way: in a header, a log, a terminal. */
const control = /[\p{Cc}\u2028\u2029]/u;

/** One line of text: as `text`, and without control characters. */
export function label(longest: number, shortest = 1): Check {
  return (value) =>
    typeof value === 'string' &&
    value.length >= shortest &&
    value.length <= longest &&
    value.isWellFormed() &&
    !control.test(value)
      ? undefined
      : `text of ${shortest} to ${longest} characters, without control characters and whole in Unicode`;
}

function isWhole(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/** The kind of a value, and the value itself only where it is a number, which cannot be a secret. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  const kind = kindOf(value);
  if (kind !== undefined) return kind;
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  return typeof value === 'undefined' ? 'undefined' : `a value of type ${typeof value}`;
}

/** What kind of list or built-in object it is. A Proxy that was revoked throws where it is looked at. */
function kindOf(value: unknown): string | undefined {
  try {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value)) return 'an array';
    const name = builtInName(value);
    return name === undefined ? undefined : `an object of type ${name}`;
  } catch {
    return undefined;
  }
}

function shorten(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}
