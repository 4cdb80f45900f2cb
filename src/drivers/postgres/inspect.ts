import { rememberTexts, type StatementKind } from '../../driver/index.ts';

/** Spaces, comments and opening brackets in front of the first word. */
const leading = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|\()+/;
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
  return text.replace(leading, '');
}
