import {
  rememberTexts,
  skipPast,
  skipQuoted,
  type StatementKind,
  splitStatements,
  findPlaceholders,
} from '../../driver/index.ts';

const control = /^(?:begin|commit|end|rollback|savepoint|release)\b/i;
/** Settings of the connection that its next user would find changed. */
const setting =
  /^pragma\s+(?:\w+\s*\.\s*)?(?:journal_mode|query_only|locking_mode|foreign_keys|defer_foreign_keys|read_uncommitted)\s*[=(]/i;
/** SQLite refuses these itself in a transaction, or does what no rollback undoes. */
const committing = /^(?:vacuum|attach|detach)\b/i;
const reading = /^[\s(]*(?:select|values|with|explain)\b/i;
const writingWord = /\b(?:insert|update|delete|replace)\b/i;
const verb = /(?:select|values|insert|replace|update|delete)\b/iy;
/** Has statements with semicolons inside. */
const trigger = /^create\s+(?:temp(?:orary)?\s+)?trigger\b/i;

/** What is known of a text without running it. */
export interface TextFacts {
  readonly kind: StatementKind;
  readonly command: string;
  /** Whether there is a second statement in it. */
  readonly isSeveral: boolean;
  /** How many values it takes. */
  readonly placeholders: number;
  /** Whether they are named `$1`, `$2`, and not `?`. */
  readonly isNumbered: boolean;
}

export const readText: (text: string) => TextFacts = rememberTexts((text) => {
  const statement = withoutComments(text).trim();
  const found = findPlaceholders(text, skipToken);
  const isNumbered = found.length > 0 && found.every(({ index }) => index !== undefined);
  return {
    kind: kindOf(statement),
    command: commandOf(statement),
    isSeveral:
      !trigger.test(statement) &&
      splitStatements(text, skipToken, (part) => withoutComments(part).trim() === '').length > 1,
    placeholders: isNumbered ? Math.max(...found.map(({ index = 0 }) => index + 1)) : found.length,
    isNumbered,
  };
});

/** The verb of a statement; of one that begins with WITH that which comes after its tables. */
function commandOf(statement: string): string {
  const first = /[a-z]+/i.exec(statement)?.[0].toUpperCase() ?? '';
  if (first !== 'WITH') return first;
  let depth = 0;
  for (let at = 0; at < statement.length; at = skipToken(statement, at)) {
    if (statement[at] === '(') depth += 1;
    if (statement[at] === ')') depth -= 1;
    verb.lastIndex = at;
    const found = depth === 0 && !/\w/.test(statement[at - 1] ?? '') ? verb.exec(statement) : null;
    if (found !== null) return found[0].toUpperCase();
  }
  return first;
}

/** In doubt it writes: a word in a string counts as if it were SQL. */
function kindOf(statement: string): StatementKind {
  if (control.test(statement) || setting.test(statement)) return 'control';
  if (committing.test(statement)) return 'implicitCommit';
  return (reading.test(statement) || /^pragma\b/i.test(statement)) && !writingWord.test(statement) ? 'read' : 'write';
}

function withoutComments(text: string): string {
  let result = '';
  for (let at = 0; at < text.length;) {
    const next = skipToken(text, at);
    result += isComment(text, at) ? ' ' : text.slice(at, next);
    at = next;
  }
  return result;
}

/** See "SQL Language Expressions" and "SQL Comment Syntax" in the manual. */
function skipToken(text: string, at: number): number {
  const character = text[at];
  if (character === "'" || character === '"' || character === '`') return skipQuoted(text, at, character, false);
  if (character === '[') return skipPast(text, ']', at);
  if (!isComment(text, at)) return at + 1;
  return character === '/' ? skipPast(text, '*/', at + 2) : skipPast(text, '\n', at);
}

function isComment(text: string, at: number): boolean {
  return text.startsWith('--', at) || text.startsWith('/*', at);
}
