import { types } from 'node:util';
import { typeName } from './options.ts';

/** The description of a thrown value, as text that every server can store. */
interface ThrownText {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
}

const longestText = 8_000;

/**
 * Describes anything that was thrown. A program may throw what has a number for its name, an object for its message, or a
 * getter that throws; describing it never throws, because that would hide the failure and stop who had it in hand. Of a value
 * that is no error only its kind is told.
 */
export function describeThrown(thrown: unknown): ThrownText {
  if (!isError(thrown)) {
    return {
      name: 'Error',
      message: `no error was thrown, but ${typeName(thrown)}`,
      code: undefined,
      stack: undefined,
    };
  }
  const stack = fieldOf(thrown, 'stack');
  return {
    name: nameOf(thrown),
    message: textOf(fieldOf(thrown, 'message')) ?? '(an error whose message is no text)',
    code: codeOf(thrown),
    stack: typeof stack === 'string' ? storable(stack) : undefined,
  };
}

/** What a failure is called for short: its code, or else its name. Its stack is not read: to make it a text costs more than the rest. */
export function failureName(thrown: unknown): string {
  return isError(thrown) ? (codeOf(thrown) ?? nameOf(thrown)) : 'Error';
}

function nameOf(error: Error): string {
  return textOf(fieldOf(error, 'name')) ?? 'Error';
}

function codeOf(error: Error): string | undefined {
  const code = fieldOf(error, 'code');
  return typeof code === 'string' || typeof code === 'number' ? storable(String(code)) : undefined;
}

/** Whether a value is an error, of another realm too. A Proxy may throw where it is asked; then it is none. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || isInstance(value, Error);
}

/** As `instanceof`, without what a Proxy throws there. */
export function isInstance<Type>(value: unknown, type: abstract new (...args: never[]) => Type): value is Type {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** What a thrown value has under a name; nothing where it has nothing, or where reading it throws. */
export function fieldOf(value: unknown, name: string | symbol): unknown {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return undefined;
  try {
    return (value as Readonly<Record<string | symbol, unknown>>)[name];
  } catch {
    return undefined;
  }
}

/** Text that every server keeps: not longer than `longest`, without NUL and halves of characters. */
export function storable(text: string, longest: number = longestText): string {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return short.toWellFormed().replaceAll('\0', '\u{FFFD}');
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return storable(value);
  const isPlain = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'symbol';
  return isPlain ? String(value) : undefined;
}
