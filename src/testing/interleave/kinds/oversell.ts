import type { Statement } from '../../../driver/index.ts';
import { ownFields } from '../../text-of-value.ts';
import { namedCells, type OrderRun, type Passage, rowsOf } from '../orders/index.ts';

/** How the actors have ended in an order in which each of them ran; those that ran one after the other have a first one. */
export interface EndsOfOrder {
  readonly first: string | undefined;
  readonly ends: OrderRun['ends'];
}

/** A statement, and what has sent it. */
interface Sent {
  readonly passage: Passage;
  readonly statement: Statement;
}

/**
 * Whether more actors had what they wanted than in any serial order: ended as they end where each of them is the first. One that
 * throws, or ends with another word, had not.
 */
export function areMoreServed(ends: OrderRun['ends'], serial: readonly EndsOfOrder[]): boolean {
  const actors = Object.keys(ends);
  const alone = new Map(
    actors.map((actor) => [
      actor,
      new Set(serial.filter(({ first }) => first === actor).map((order) => wordsOf(order.ends[actor]))),
    ]),
  );
  if ([...alone.values()].some(({ size }) => size === 0)) return false;
  const served = (of: OrderRun['ends']): number =>
    actors.filter((actor) => {
      const words = wordsOf(of[actor]);
      return words !== undefined && alone.get(actor)?.has(words) === true;
    }).length;
  return served(ends) > Math.max(...serial.map((order) => served(order.ends)));
}

/** What an actor says of how it went, without numbers: these differ where all went well, too. */
function wordsOf(end: OrderRun['ends'][string] | undefined): string | undefined {
  if (end?.type !== 'returned') return undefined;
  const { value } = end;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wordOf(value);
  return ownFields(value)
    .map(([name, each]) => `${name}: ${wordOf(each)}`)
    .toSorted()
    .join();
}

function wordOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'boolean' || value === null
    ? JSON.stringify(value)
    : typeof value;
}

/**
 * Whether a number that was read was counted down by all of these writes (in SQL: or up to a limit): set to less than it was, or to
 * itself and a difference.
 */
export function areCounted(read: Sent, writes: readonly Sent[]): boolean {
  const columns = writes.map((write) => countedIn(write.statement, (column) => numbersOf(read, column)));
  return columns[0]?.some((column) => columns.every((each) => each.includes(column))) === true;
}

const column = String.raw`(?:["\`]?[\w$]+["\`]?\.)?["\`]?([\w$]+)["\`]?`;
const assigned = new RegExp(
  String.raw`(?:^|,)\s*${column}\s*=\s*(?:(\$\d+|\?|-?\d+(?:\.\d+)?)(?:\s*::\s*\w+)?|${column}\s*[-+][^,]*)\s*(?=,|$)`,
  'gi',
);

function countedIn(
  { text, values = [] }: Statement,
  numbersIn: (column: string) => readonly number[],
): readonly string[] {
  const [, before = '', changes = ''] =
    /^(\s*update\b.*?\sset)\s(.*?)(?:\swhere\s.*|\sreturning\s.*|[\s;]*)$/is.exec(text) ?? [];
  return [...changes.matchAll(assigned)].flatMap((found) => {
    const [, name = '', given, itself] = found;
    const at = [...`${before}${changes.slice(0, found.index)}`.matchAll(/\?/g)].length;
    const numbers = numbersIn(name.toLowerCase());
    if (itself !== undefined)
      return itself.toLowerCase() === name.toLowerCase() && numbers.length > 0 ? [name.toLowerCase()] : [];
    const written = numberIn(valueOf(given ?? '', values, at));
    return written !== undefined && numbers.some((number) => written < number) ? [name.toLowerCase()] : [];
  });
}

function valueOf(given: string, values: readonly unknown[], at: number): unknown {
  if (given === '?') return values[at];
  return given.startsWith('$') ? values[Number(given.slice(1)) - 1] : given;
}

/** The numbers that a read was given of a column, by its name or by the one that the read gives it. */
function numbersOf({ passage, statement }: Sent, of: string): readonly number[] {
  const result = passage.exchange?.results[passage.statements.indexOf(statement)];
  if (result === undefined) return [];
  return rowsOf(result).flatMap((row) =>
    namedCells(result, row).flatMap(([name, cell]) => {
      const number = numberIn(cell);
      return number === undefined || !isNamed(statement.text, of, name) ? [] : [number];
    }),
  );
}

function isNamed(text: string, of: string, name: string): boolean {
  if (name.toLowerCase() === of) return true;
  return new RegExp(String.raw`\b${plain(of)}["\`]?\s+(?:as\s+)?["\`]?${plain(name)}\b`, 'i').test(text);
}

/** A name as a pattern for itself. */
function plain(name: string): string {
  return name.replaceAll(/[^\w]/g, String.raw`\$&`);
}

function numberIn(value: unknown): number | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  return typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : undefined;
}
