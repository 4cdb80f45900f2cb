import { withoutLiterals } from './literals.ts';
import { rememberTexts } from './sql-text.ts';

/** What a shown text is at most, in characters; what comes after that is not even looked at. */
const longest = 10_000;
const byQuote = new Map<string, (text: string) => string>();

/**
 * Shows statements to those who look at a program from outside: without literals and comments, in one line.
 * @param quoteName of the engine
 */
export function textShower(quoteName: (name: string) => string): (text: string) => string {
  const quote = quoteName('n').slice(0, 1);
  const remembered = byQuote.get(quote) ?? rememberTexts((text) => inOneLine(text, quote));
  byQuote.set(quote, remembered);
  return (text) => (text.length > longest ? `${inOneLine(text.slice(0, longest), quote)}…` : remembered(text));
}

function inOneLine(text: string, quote: string): string {
  return withoutLiterals(text, quote).replaceAll(/\s+/g, ' ').trim();
}
