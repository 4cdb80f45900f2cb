import { textOfValue } from '../../text-of-value.ts';
import type { Statement } from '../../../driver/index.ts';

/** That a statement reads or writes a table. */
export interface TableAccess {
  /** The table in the words of the statement, in lower case and without quotes: with its schema, where that has one. */
  readonly table: string;
  readonly type: 'read' | 'update' | 'insert';
  /** The condition on its rows, with the values in it: equal ones are about the same rows. */
  readonly rows: string;
  readonly statement: Statement;
}

/** A table in a text, with a schema or without one. */
export const tableName: string = String.raw`(?:only\s+)?((?:[\w$]+|"[^"]+"|\`[^\`]+\`)(?:\s*\.\s*(?:[\w$]+|"[^"]+"|\`[^\`]+\`))?)`;
const written: readonly (readonly [TableAccess['type'], RegExp])[] = [
  ['update', new RegExp(String.raw`^\s*update\s+${tableName}`, 'i')],
  ['update', new RegExp(String.raw`^\s*delete\s+from\s+${tableName}`, 'i')],
  ['insert', new RegExp(String.raw`^\s*(?:insert|replace)\s+(?:ignore\s+)?into\s+${tableName}`, 'i')],
];
const readFrom = new RegExp(String.raw`\b(?:from|join)\s+${tableName}`, 'gi');

/** What a statement does to which tables, as far as its text tells. */
export function accessesOf(statement: Statement): readonly TableAccess[] {
  const { text } = statement;
  const rows = conditionOf(statement);
  const writes = written.flatMap(([type, pattern]) => {
    const table = pattern.exec(text)?.[1];
    return table === undefined ? [] : [{ table: unquoted(table), type, rows, statement }];
  });
  const isDelete = /^\s*delete\b/i.test(text);
  const reads = [...text.matchAll(readFrom)].slice(isDelete ? 1 : 0).flatMap(([, table]) => {
    return table === undefined ? [] : [{ table: unquoted(table), type: 'read' as const, rows, statement }];
  });
  return [...writes, ...reads];
}

/** Without quotes. */
function unquoted(table: string): string {
  return table.replaceAll(/["`\s]/g, '').toLowerCase();
}

/** From the last WHERE on, with values in place of placeholders. */
function conditionOf({ text, values = [] }: Statement): string {
  const at = text.toLowerCase().lastIndexOf('where');
  if (at < 0) return '';
  let next = [...text.slice(0, at).matchAll(/\?/g)].length;
  return text
    .slice(at)
    .replaceAll(/\$(\d+)|\?/g, (_, number?: string) => {
      const index = number === undefined ? next++ : Number(number) - 1;
      return JSON.stringify(textOfValue(values[index]));
    })
    .replaceAll(/\s+/g, ' ');
}
