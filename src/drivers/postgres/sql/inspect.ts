import { rememberTexts, type StatementKind } from '../../../driver/index.ts';

/** Spaces, line comments, opening brackets and empty statements in front of the first word. */
const leading = /^(?:\s|--[^\n\r]*|[(;])+/;
const beginsWithLetter = /^[a-z]/i;
const control =
  /^(?:begin|start\s+transaction|end|abort|savepoint|release|prepare\s+transaction|(?:commit|rollback)(?!\s+prepared)|set\s+(?:local\s+|session\s+)?transaction|set\s+session\s+characteristics)\b/i;
const reading = /^(?:select|table|values|show|with|explain)\b/i;
const lockClause = /\bfor\s+(?:no\s+key\s+)?update\b/gi;
const writingWord = /\b(?:insert|update|delete|merge|into|nextval|setval|analyze)\b/i;

/** Tells what texts do. */
export function createInspector(): (text: string) => StatementKind {
  return rememberTexts(inspectText);
}

/** What a text does. In doubt it writes: a word in a string counts as if it were SQL. */
export function inspectText(text: string): StatementKind {
  const statement = withoutLeading(text);
  if (control.test(statement)) return 'control';
  return reading.test(statement) && !writingWord.test(statement.replace(lockClause, '')) ? 'read' : 'write';
}

/** Whether a text begins, marks or ends a transaction. */
export function isControl(text: string): boolean {
  return control.test(withoutLeading(text));
}

/** A text from its first word on. */
export function withoutLeading(text: string): string {
  if (beginsWithLetter.test(text)) return text;
  let rest = text;
  for (;;) {
    const next = rest.replace(leading, '');
    if (!next.startsWith('/*')) return next;
    rest = next.slice(lengthOfComment(next));
  }
}

/** Comments nest. */
function lengthOfComment(text: string): number {
  let depth = 0;
  for (const mark of text.matchAll(/\/\*|\*\//g)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.index + 2;
  }
  return text.length;
}
