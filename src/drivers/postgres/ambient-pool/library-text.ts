import type { Characteristics, ControlCommand } from '../../../library/index.ts';
import { rememberTexts } from '../../../driver/index.ts';
import { isControl } from '../sql/inspect.ts';
import { splitStatements } from './split-statements.ts';

/** What a library's text comes to. */
export interface Plan {
  readonly statements: readonly string[];
  /** What it asks for, if it is one statement that starts, marks or ends a transaction. */
  readonly control: ControlCommand | undefined;
  /** It is several statements that begin transactions of their own, and end all of them. */
  readonly isBlock: boolean;
}

/** Reads a text. */
export const planOf: (text: string) => Plan = rememberTexts((text) => {
  const statements = splitStatements(text);
  const [only] = statements;
  const controls = statements.length === 1 && only !== undefined && isControl(only);
  return { statements, control: controls ? readControl(only) : undefined, isBlock: endsWhatItBegins(statements) };
});

function endsWhatItBegins(statements: readonly string[]): boolean {
  let hasBegun = false;
  let isOpen = false;
  for (const statement of statements.length > 1 ? statements.filter(isControl) : []) {
    const { type } = readControl(statement);
    if (type === 'untranslatable' || isOpen === (type === 'begin')) return false;
    hasBegun ||= type === 'begin';
    if (type === 'begin' || type === 'commit' || type === 'rollback') isOpen = type === 'begin';
  }
  return hasBegun && !isOpen;
}

const name = String.raw`("(?:[^"]|"")+"|[\w$\u0080-\uffff]+)`;
const patterns: readonly (readonly [RegExp, (match: RegExpExecArray) => ControlCommand])[] = [
  [/^(?:begin|start\s+transaction)\b/i, (match) => beginOf(match.input.slice(match[0].length))],
  [/^(?:commit|end)(?:\s+(?:work|transaction))?(?:\s+and\s+no\s+chain)?$/i, () => ({ type: 'commit' })],
  [/^(?:rollback|abort)(?:\s+(?:work|transaction))?(?:\s+and\s+no\s+chain)?$/i, () => ({ type: 'rollback' })],
  [new RegExp(`^savepoint\\s+${name}$`, 'i'), (match) => ({ type: 'savepoint', name: nameIn(match) })],
  [new RegExp(`^release\\s+(?:savepoint\\s+)?${name}$`, 'i'), (match) => ({ type: 'release', name: nameIn(match) })],
  [
    new RegExp(`^rollback\\s+(?:(?:work|transaction)\\s+)?to\\s+(?:savepoint\\s+)?${name}$`, 'i'),
    (match) => ({ type: 'rollbackTo', name: nameIn(match) }),
  ],
  [
    /^set\s+(?:local\s+)?transaction\b(?!\s+snapshot)/i,
    (match) => characteristicsCommand(match.input.slice(match[0].length), 'characteristics'),
  ],
];

function readControl(text: string): ControlCommand {
  const statement = text.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ').trim();
  for (const [pattern, read] of patterns) {
    const match = pattern.exec(statement);
    if (match !== null) return read(match);
  }
  return untranslatable(`"${statement.slice(0, 60)}" has no counterpart there`);
}

function nameIn(match: RegExpExecArray): string {
  const given = match[1] ?? '';
  return given.startsWith('"') ? given.slice(1, -1).replaceAll('""', '"') : given.toLowerCase();
}

function beginOf(rest: string): ControlCommand {
  return characteristicsCommand(rest.replace(/^\s*(?:work|transaction)\b/i, ''), 'begin');
}

const mode =
  /^(?:isolation\s+level\s+(serializable|repeatable\s+read|read\s+committed|read\s+uncommitted)|read\s+(only|write)|(not\s+)?deferrable)$/i;

/** Reads `ISOLATION LEVEL ..., READ ONLY, NOT DEFERRABLE`, with or without commas. */
function characteristicsCommand(text: string, type: 'begin' | 'characteristics'): ControlCommand {
  const modes = text
    .replaceAll(/\s+/g, ' ')
    .split(/,| (?=isolation |read (?:only|write)\b|(?:not )?deferrable\b)/i)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => (/^not$/i.test(part) ? [] : [part]));
  const characteristics: Characteristics = {};
  for (const part of modes) {
    const match = mode.exec(part);
    if (match === null) return untranslatable(`"${part.slice(0, 60)}" is no transaction mode that is known`);
    const [, isolation, access, not] = match;
    if (isolation !== undefined) {
      Object.assign(characteristics, { isolationLevel: isolationIn(isolation) });
    } else if (access !== undefined) {
      Object.assign(characteristics, { readOnly: access.toLowerCase() === 'only' });
    } else if (not === undefined && !/\bnot\s+deferrable\b/i.test(text)) {
      return untranslatable('DEFERRABLE is not supported');
    }
  }
  return { type, characteristics };
}

function isolationIn(words: string): NonNullable<Characteristics['isolationLevel']> {
  return words.toUpperCase().replaceAll(/\s+/g, '_') as NonNullable<Characteristics['isolationLevel']>;
}

function untranslatable(reason: string): ControlCommand {
  return { type: 'untranslatable', reason };
}
