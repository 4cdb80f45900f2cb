import { callsIn } from '../calls.ts';
import type { Catalog } from './catalog.ts';

/** The tables that a statement comes to. */
export interface Footprint {
  readonly reads: ReadonlySet<string>;
  /** Those that it writes, or locks rows of. */
  readonly writes: ReadonlySet<string>;
}

const verbs = /^\s*(?:select|insert|replace|update|delete|with)\b/i;
const writing = /\b(?:insert|replace|update|delete|merge|into|for|lock)\b/i;
/** Comments, several statements, names in other writing, variables, catalogs, what rows are inside of the server. */
const unclear =
  /\/\*|--|#|;|\bu&|@|\b(?:pg_\w*|information_schema|performance_schema|outfile|dumpfile|tableoid|xmin|xmax|cmin|cmax|ctid)\b/i;
const named = /[\p{L}_$][\p{L}\p{N}_$]*|"(?:[^"]|"")+"|`(?:[^`]|``)+`/gu;

/** @returns undefined where it may come to anything */
export function footprintOf(text: string, { tables, unclear: unclearNames }: Catalog): Footprint | undefined {
  const body = text.replace(/[\s;]+$/, '');
  if (!verbs.test(body) || unclear.test(body)) return undefined;
  if (callsIn(body).some((name) => !tables.has(unquoted(name)))) return undefined;
  const names = [...body.matchAll(named)].flatMap(([name]) => [unquoted(name), ...wordsIn(name)]);
  if (names.some((name) => unclearNames.has(name))) return undefined;
  const found = tablesIn(body, tables);
  const isWrite = writing.test(body);
  return { reads: isWrite ? none : found, writes: isWrite ? found : none };
}

const none: ReadonlySet<string> = new Set();

/** The tables that names in a text may mean: with its schema before it, the one of that. */
function tablesIn(body: string, tables: Catalog['tables']): ReadonlySet<string> {
  const found = new Set<string>();
  let before = '';
  let end = 0;
  for (const { 0: name, index } of body.matchAll(named)) {
    const full = /^\s*\.\s*$/.test(body.slice(end, index)) ? tables.get(`${before}.${unquoted(name)}`) : undefined;
    const all =
      full === undefined ? [unquoted(name), ...wordsIn(name)].flatMap((each) => [...(tables.get(each) ?? [])]) : full;
    for (const table of all) found.add(table);
    before = unquoted(name);
    end = index + name.length;
  }
  return found;
}

/** What is quoted may be text, with names in it. */
function wordsIn(name: string): readonly string[] {
  return /^["`]/.test(name) ? (name.toLowerCase().match(/[\p{L}_$][\p{L}\p{N}_$]*/gu) ?? []) : [];
}

function unquoted(name: string): string {
  return (/^["`]/.test(name) ? name.slice(1, -1).replaceAll('""', '"').replaceAll('``', '`') : name).toLowerCase();
}
