import { withoutLiterals } from './literals.ts';
import { rememberTexts } from './sql-text.ts';

/** What a shown text is at most, in characters; what comes after that is not even looked at. */
const longest = 10_000;
const byQuote = new Map<string, (text: string) => string>();

/**
 * A statement for those who look at a program from outside: without literals and comments, in one line.
 * @param quoteName of the engine
 */
export function shownText(text: string, quoteName: (name: string) => string): string {
  const quote = quoteName('n').slice(0, 1);
  if (text.length > longest) return `${inOneLine(text.slice(0, longest), quote)}…`;
  let remembered = byQuote.get(quote);
  if (remembered === undefined) {
    remembered = rememberTexts((each) => inOneLine(each, quote));
    byQuote.set(quote, remembered);
  }
  return remembered(text);
}

function inOneLine(text: string, quote: string): string {
  return withoutLiterals(text, quote).replaceAll(/\s+/g, ' ').trim();
}
