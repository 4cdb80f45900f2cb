import type { Characteristics, ControlCommand } from '../../../library/index.ts';
import { rememberTexts } from '../../../driver/index.ts';
import { inspectText } from '../sql/inspect.ts';
import { withoutComments } from '../sql/tokens.ts';

/** What a library's text asks for, if it starts, marks or ends a transaction; `undefined` for an ordinary statement. */
export const controlIn: (text: string) => ControlCommand | undefined = rememberTexts((text) =>
  inspectText(text) === 'control' ? readControl(withoutComments(text).replace(/;\s*$/, '').trim()) : undefined,
);

const name = '(`(?:[^`]|``)+`|[\\w$\\u0080-\\uffff]+)';
const noChain = '(?:\\s+and\\s+no\\s+chain)?(?:\\s+no\\s+release)?';
const patterns: readonly (readonly [RegExp, (match: RegExpExecArray) => ControlCommand])[] = [
  [/^begin(?:\s+work)?$/i, () => ({ type: 'begin', characteristics: {} })],
  [
    /^start transaction\b.*\bwith consistent snapshot\b/i,
    () => untranslatable('WITH CONSISTENT SNAPSHOT is not supported, since BEGIN travels with the first statement'),
  ],
  [/^start\s+transaction\b(.*)$/i, ({ 1: modes = '' }) => characteristicsCommand(modes, 'begin')],
  [new RegExp(`^commit(?:\\s+work)?${noChain}$`, 'i'), () => ({ type: 'commit' })],
  [new RegExp(`^rollback(?:\\s+work)?${noChain}$`, 'i'), () => ({ type: 'rollback' })],
  [new RegExp(`^savepoint\\s+${name}$`, 'i'), (match) => ({ type: 'savepoint', name: nameIn(match) })],
  [new RegExp(`^release\\s+savepoint\\s+${name}$`, 'i'), (match) => ({ type: 'release', name: nameIn(match) })],
  [
    new RegExp(`^rollback(?:\\s+work)?\\s+to\\s+(?:savepoint\\s+)?${name}$`, 'i'),
    (match) => ({ type: 'rollbackTo', name: nameIn(match) }),
  ],
  [/^set\s+transaction\b(.*)$/i, ({ 1: modes = '' }) => characteristicsCommand(modes, 'nextCharacteristics')],
];

function readControl(statement: string): ControlCommand {
  for (const [pattern, read] of patterns) {
    const match = pattern.exec(statement.replaceAll(/\s+/g, ' '));
    if (match !== null) return read(match);
  }
  return untranslatable(`"${statement.slice(0, 60)}" has no counterpart there`);
}

/** Names of savepoints are the same in any case. */
function nameIn(match: RegExpExecArray): string {
  const given = match[1] ?? '';
  return (given.startsWith('`') ? given.slice(1, -1).replaceAll('``', '`') : given).toLowerCase();
}

const mode = /^(?:isolation level (serializable|repeatable read|read committed|read uncommitted)|read (only|write))$/i;

/** Reads `ISOLATION LEVEL ..., READ ONLY`. */
function characteristicsCommand(text: string, type: 'begin' | 'nextCharacteristics'): ControlCommand {
  const characteristics: Characteristics = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const match = mode.exec(part);
    if (match === null) return untranslatable(`"${part.slice(0, 60)}" is no transaction mode that is known`);
    const [, isolation, access] = match;
    if (isolation === undefined) Object.assign(characteristics, { readOnly: access?.toLowerCase() === 'only' });
    else Object.assign(characteristics, { isolationLevel: isolation.toUpperCase().replaceAll(' ', '_') });
  }
  return { type, characteristics };
}

function untranslatable(reason: string): ControlCommand {
  return { type: 'untranslatable', reason };
}
