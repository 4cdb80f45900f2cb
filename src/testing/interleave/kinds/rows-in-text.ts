import type { Statement } from '../../../driver/index.ts';
import { tableName } from './tables-in-text.ts';

const alias = String.raw`(?:\s+(?:as\s+)?([\w$]+|"[^"]+"|\`[^\`]+\`))?`;
const writes: readonly RegExp[] = [
  new RegExp(String.raw`^\s*update\s+${tableName}${alias}\s+set\s`, 'i'),
  new RegExp(String.raw`^\s*delete\s+from\s+${tableName}${alias}\s+where\s`, 'i'),
];
const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|[()]|\b(?:where|from|returning|order\s+by|limit)\b|\$(\d+)|\?/gi;

/** How many rows are looked at. */
const most = 1_000;

/**
 * A read of the rows that an UPDATE or a DELETE of one table comes to; nothing for another statement.
 * @param table the table as it is named from outside, where that is not as the statement names it
 */
export function readOfRows({ text, values = [] }: Statement, table?: string): Statement | undefined {
  const found = writes.map((each) => each.exec(text)).find((each) => each !== null);
  if (!found) return undefined;
  const [, name = '', as] = found;
  const condition = conditionIn(text, values);
  if (condition === undefined) return undefined;
  // A name of its own for the table is in the condition, too.
  const named = as === undefined ? (table === undefined ? '' : ` as ${name.split('.').at(-1)}`) : ` as ${as}`;
  const where = condition.text === '' ? '' : ` where ${condition.text}`;
  return { text: `select * from ${table ?? name}${named}${where} limit ${most}`, values: condition.values };
}

/** The WHERE of the statement itself, with placeholders that begin at the first; none where other tables decide. */
function conditionIn(
  text: string,
  values: readonly unknown[],
): Required<Pick<Statement, 'text' | 'values'>> | undefined {
  let depth = 0;
  let marks = 0;
  let begin: number | undefined;
  let end = text.replace(/[\s;]+$/, '').length;
  const given: unknown[] = [];
  let condition = '';
  let copied = 0;
  for (const token of text.matchAll(tokens)) {
    const [word, number] = token;
    if (word === '(') depth += 1;
    else if (word === ')') depth -= 1;
    else if (number !== undefined || word === '?') {
      const index = number === undefined ? marks++ : Number(number) - 1;
      if (begin === undefined) continue;
      given.push(values[index]);
      condition += `${text.slice(copied, token.index)}${number === undefined ? '?' : `$${given.length}`}`;
      copied = token.index + word.length;
    } else if (depth === 0 && /^where$/i.test(word)) {
      begin = token.index + word.length;
      copied = begin;
    } else if (depth === 0 && /^from$/i.test(word)) {
      if (!/^\s*delete\s+$/i.test(text.slice(0, token.index))) return undefined;
    } else if (depth === 0 && /^(?:returning|order|limit)/i.test(word)) {
      end = token.index;
      break;
    }
  }
  if (begin === undefined) return { text: '', values: [] };
  return { text: `${condition}${text.slice(copied, end)}`.trim(), values: given };
}
