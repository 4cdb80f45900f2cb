import type { ControlCommand } from '../../library/index.ts';

const name = '("(?:[^"]|"")+"|`[^`]+`|\\[[^\\]]+\\]|[\\w$\\u0080-\\uffff]+)';
const patterns: readonly (readonly [RegExp, (name: string) => ControlCommand])[] = [
  [
    /^(?:begin(?: deferred| immediate| exclusive)?(?: transaction)?|start transaction)$/i,
    () => ({ type: 'begin', characteristics: {} }),
  ],
  [/^(?:commit|end)(?: transaction)?$/i, () => ({ type: 'commit' })],
  [/^rollback(?: transaction)?$/i, () => ({ type: 'rollback' })],
  [new RegExp(`^savepoint ${name}$`, 'i'), (savepoint) => ({ type: 'savepoint', name: savepoint })],
  [new RegExp(`^release (?:savepoint )?${name}$`, 'i'), (savepoint) => ({ type: 'release', name: savepoint })],
  [
    new RegExp(`^rollback (?:transaction )?to (?:savepoint )?${name}$`, 'i'),
    (savepoint) => ({ type: 'rollbackTo', name: savepoint }),
  ],
];

/** What a text asks for that starts, marks or ends a transaction, as Kysely and standard SQL write it. */
export function readControlText(text: string): ControlCommand {
  const statement = text.replaceAll(/\s+/g, ' ').replace(/; ?$/, '').trim();
  for (const [pattern, read] of patterns) {
    const match = pattern.exec(statement);
    if (match !== null) return read(savepointNamed(match[1] ?? ''));
  }
  return { type: 'untranslatable', reason: `"${statement.slice(0, 60)}" has no counterpart there` };
}

/** Names of savepoints are the same in any case. */
function savepointNamed(given: string): string {
  return given.replace(/^["`[](.*)["`\]]$/, '$1').toLowerCase();
}
