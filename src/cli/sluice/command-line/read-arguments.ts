import { parseArgs } from 'node:util';
import { type Command, type Given, UsageError } from './command.ts';
import { nearest } from './nearest.ts';

/** What is asked for: to run a command, the help of all or of one, or the version. */
export type Request =
  | { readonly type: 'run'; readonly command: Command; readonly given: Given }
  | { readonly type: 'help'; readonly command: Command | undefined }
  | { readonly type: 'version' };

type Token = ReturnType<typeof tokensOf>[number];

const general = ['help', 'version'];

/** Reads a command line. @throws UsageError */
export function readArguments(args: readonly string[], commands: readonly Command[]): Request {
  const tokens = tokensOf(args, commands);
  const positionals = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const [name, ...rest] = positionals;
  const isAsked = (option: string): boolean => tokens.some((token) => token.kind === 'option' && token.name === option);
  if (name === 'help')
    return { type: 'help', command: rest[0] === undefined ? undefined : commandOf(rest[0], commands) };
  const command = name === undefined ? undefined : commandOf(name, commands);
  if (isAsked('help')) return { type: 'help', command };
  if (command === undefined && isAsked('version')) return { type: 'version' };
  const given = givenOf(tokens, rest, command);
  if (command === undefined) throw new UsageError('Which command?');
  check(given, command);
  return { type: 'run', command, given };
}

function tokensOf(args: readonly string[], commands: readonly Command[]) {
  const options = commands.flatMap((command) => Object.entries(command.options));
  const known = options.map(
    ([name, { value }]) => [name, { type: value === undefined ? ('boolean' as const) : ('string' as const) }] as const,
  );
  return parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      ...Object.fromEntries(known),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  }).tokens;
}

function commandOf(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const meant = nearest(
    name,
    commands.map((command) => command.name),
  );
  throw new UsageError(
    `There is no command "${shown(name)}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
  );
}

function givenOf(tokens: readonly Token[], positionals: readonly string[], command: Command | undefined): Given {
  const values: Record<string, string> = {};
  const flags = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const option = command !== undefined && Object.hasOwn(command.options, name) ? command.options[name] : undefined;
    if (option === undefined) throw unknownOption(rawName, name, command);
    if (option.value === undefined) {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value`, command);
      flags.add(name);
    } else {
      // What looks like the next option is no value, unless it is written with "=".
      if (value === undefined || value === '' || (!token.inlineValue && value.startsWith('-')))
        throw new UsageError(`${rawName} needs a value: ${rawName} ${option.value}`, command);
      values[name] = value;
    }
  }
  return { values, flags, positionals };
}

function unknownOption(rawName: string, name: string, command: Command | undefined): UsageError {
  const meant = nearest(name, [...Object.keys(command?.options ?? {}), ...general]);
  const where = command === undefined ? '' : ` of "sluice ${command.name}"`;
  return new UsageError(
    `There is no option "${shown(rawName)}"${where}${meant === undefined ? '' : `; did you mean --${meant}?`}`,
    command,
  );
}

function check({ positionals, values }: Given, command: Command): void {
  const { label, least, most } = command.positionals ?? { label: '', least: 0, most: 0 };
  const tooMany = positionals[most];
  if (tooMany !== undefined) {
    const what = most === 0 ? 'takes nothing but options' : `takes ${label} alone`;
    // It may be a URL with a password.
    throw new UsageError(`"sluice ${command.name}" ${what}, and ${positionals.length} arguments were given`, command);
  }
  if (positionals.length < least) throw new UsageError(`"sluice ${command.name}" needs ${label}`, command);
  for (const [name, { value, isRequired }] of Object.entries(command.options)) {
    if (isRequired === true && values[name] === undefined)
      throw new UsageError(`"sluice ${command.name}" needs --${name} ${value}`, command);
  }
}

/** What was written, cut short; what looks like a URL may hold a password. */
function shown(written: string): string {
  if (/[:@]/.test(written)) return '...';
  return written.length > 40 ? `${written.slice(0, 40)}...` : written;
}
