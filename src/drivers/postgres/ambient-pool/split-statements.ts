import { skipPast, skipQuoted, splitStatements as splitAt } from '../../../driver/index.ts';

const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/**
 * Splits a text at the semicolons between its statements, as the server does for a simple query: those in
 * strings, quoted names, dollar quotes and comments do not count. See "Lexical Structure" in its manual.
 */
export function splitStatements(text: string): readonly string[] {
  return splitAt(text, skipToken, isBlank);
}

/** Whether there is nothing but spaces and comments. */
function isBlank(statement: string): boolean {
  let at = 0;
  while (at < statement.length) {
    const isComment = statement.startsWith('--', at) || statement.startsWith('/*', at);
    if (!isComment && /\S/.test(statement[at] ?? '')) return false;
    at = skipToken(statement, at);
  }
  return true;
}

/** The index after whatever begins at `at`. */
function skipToken(text: string, at: number): number {
  switch (text[at]) {
    case "'":
      return skipQuoted(text, at, "'", /[eE]/.test(text[at - 1] ?? '') && !/[\w$]/.test(text[at - 2] ?? ''));
    case '"':
      return skipQuoted(text, at, '"', false);
    case '-':
      return text[at + 1] === '-' ? skipLine(text, at) : at + 1;
    case '/':
      return text[at + 1] === '*' ? skipBlockComment(text, at) : at + 1;
    case '$': {
      dollarQuote.lastIndex = at;
      const tag = /[\w$]/.test(text[at - 1] ?? '') ? undefined : dollarQuote.exec(text)?.[0];
      return tag === undefined ? at + 1 : skipPast(text, tag, at + tag.length);
    }
    case undefined:
    default:
      return at + 1;
  }
}

/** A line ends with either of the two characters. */
function skipLine(text: string, start: number): number {
  const end = text.slice(start).search(/[\n\r]/);
  return end === -1 ? text.length : start + end + 1;
}

/** Block comments nest. */
function skipBlockComment(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    if (text.startsWith('/*', at)) {
      depth += 1;
      at += 2;
    } else if (text.startsWith('*/', at)) {
      depth -= 1;
      at += 2;
      if (depth === 0) return at;
    } else {
      at += 1;
    }
  }
  return text.length;
}
