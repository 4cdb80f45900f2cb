/** Returns the index after whatever begins at an index of a text: a string, quoted name or comment, or one character. */
export type SkipToken = (text: string, at: number) => number;

/** Splits a text at the semicolons between its statements, which are those outside of strings, names and comments. */
export function splitStatements(
  text: string,
  skipToken: SkipToken,
  isBlank: (statement: string) => boolean,
): readonly string[] {
  if (!text.includes(';')) return isBlank(text) ? [] : [text.trim()];
  const statements: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at = skipToken(text, at)) {
    if (text[at] !== ';') continue;
    statements.push(text.slice(start, at));
    start = at + 1;
  }
  statements.push(text.slice(start));
  return statements.map((statement) => statement.trim()).filter((statement) => !isBlank(statement));
}

/** A placeholder of a text. */
export interface Placeholder {
  readonly start: number;
  readonly end: number;
  /** Which of the values it takes, from 0 on; `undefined` for `?`, which takes the next. */
  readonly index: number | undefined;
}

const numbered = /\$(\d{1,5})(?![\w$])/y;

/** Finds `?` and `$1`, `$2` and so on. */
export function findPlaceholders(text: string, skipToken: SkipToken): readonly Placeholder[] {
  const found: Placeholder[] = [];
  for (let at = 0; at < text.length;) {
    numbered.lastIndex = at;
    const match = text[at] === '$' && !/[\w$]/.test(text[at - 1] ?? '') ? numbered.exec(text) : null;
    const end = match === null ? skipToken(text, at) : at + match[0].length;
    if (match !== null) found.push({ start: at, end, index: Number(match[1]) - 1 });
    else if (text[at] === '?') found.push({ start: at, end, index: undefined });
    at = end;
  }
  return found;
}

/** Spaces, comments, opening brackets, and the beginnings of comments that MySQL and MariaDB execute. */
const leading = /^(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|\/\*(?!M?!)[\s\S]*?\*\/|\/\*M?!\d*|\()+/;

/** The word that a statement begins with, in capitals; empty where there is none. */
export function firstWord(text: string): string {
  const word = /^\w+/.exec(text) ?? /^\w+/.exec(text.replace(leading, ''));
  return word?.[0].toUpperCase() ?? '';
}

/** The index after a quoted part; a quote in it is doubled, or escaped where that is so. */
export function skipQuoted(text: string, start: number, quote: string, escapes: boolean): number {
  let at = start + 1;
  while (at < text.length) {
    if (escapes && text[at] === '\\') at += 2;
    else if (text[at] !== quote) at += 1;
    else if (text[at + 1] === quote) at += 2;
    else return at + 1;
  }
  return text.length;
}

/** The index after the next `what`, or the end of the text. */
export function skipPast(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found < 0 ? text.length : found + what.length;
}

/**
 * Keeps what `compute` said of a text: programs send the same ones again. Of more texts than `most` those go that have not come
 * again for the longest time: half of them at once, since a map from which the oldest is taken each time becomes slow.
 */
export function rememberTexts<Result>(compute: (text: string) => Result, most = 1_000): (text: string) => Result {
  let [recent, older] = [new Map<string, Result>(), new Map<string, Result>()];
  return (text) => {
    const known = recent.get(text);
    if (known !== undefined) return known;
    const result = older.get(text) ?? compute(text);
    if (recent.size >= most / 2) [recent, older] = [new Map(), recent];
    recent.set(text, result);
    return result;
  };
}
