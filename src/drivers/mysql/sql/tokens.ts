import { findPlaceholders, rememberTexts, skipPast, skipQuoted } from '../../../driver/index.ts';

/** A text with its placeholders as the server knows them. */
export interface PlaceholderText {
  readonly text: string;
  readonly placeholders: number;
  /** Which of the values each placeholder takes; nothing where they are in order. */
  readonly order: readonly number[] | undefined;
}

/** Reads the placeholders of a text: `?`, or `$1`, `$2` and so on, as on PostgreSQL, where there is no `?`. */
export const readPlaceholders: (text: string) => PlaceholderText = rememberTexts((text) => {
  const found = findPlaceholders(text, skipToken);
  const unnumbered = found.filter(({ index }) => index === undefined).length;
  const order = found.flatMap(({ index }) => (index === undefined ? [] : [index]));
  if (unnumbered > 0 || order.length === 0) return { text, placeholders: unnumbered, order: undefined };
  let translated = '';
  let copied = 0;
  for (const { start, end } of found) {
    translated += `${text.slice(copied, start)}?`;
    copied = end;
  }
  return { text: translated + text.slice(copied), placeholders: Math.max(...order) + 1, order };
});

/** The text with a space for each comment. What the server executes of them, as in `/*! ... *\/`, stays. */
export function withoutComments(text: string): string {
  let result = '';
  for (let at = 0; at < text.length;) {
    const next = skipToken(text, at);
    const token = text.slice(at, next);
    if (!isComment(text, at)) result += token;
    else if (/^\/\*M?!/.test(token)) result += ` ${token.replace(/^\/\*M?!\d*/, ' ').replace(/\*\/$/, ' ')} `;
    else result += ' ';
    at = next;
  }
  return result;
}

/** See "Language Structure" in the manual. */
function skipToken(text: string, at: number): number {
  const character = text[at];
  if (character === "'" || character === '"') return skipQuoted(text, at, character, true);
  if (character === '`') return skipQuoted(text, at, character, false);
  if (!isComment(text, at)) return at + 1;
  return character === '/' ? skipPast(text, '*/', at + 2) : skipPast(text, '\n', at);
}

function isComment(text: string, at: number): boolean {
  switch (text[at]) {
    case '#':
      return true;
    case '-':
      return text[at + 1] === '-' && /^\s?$/.test(text[at + 2] ?? '');
    case '/':
      return text[at + 1] === '*';
    case undefined:
    default:
      return false;
  }
}
