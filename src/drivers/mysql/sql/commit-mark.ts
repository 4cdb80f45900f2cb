import type { Statement, Step } from '../../../driver/index.ts';

const marks = new WeakSet<Statement>();

/** Writes the row that marks a transaction. It is sent ahead of a statement, with it: see `planFlights`. */
export function markStatement(table: string, id: string): Statement {
  const statement: Statement = { text: `INSERT INTO ${table} (id, at) VALUES (x'${id}', UNIX_TIMESTAMP())` };
  marks.add(statement);
  return statement;
}

export function isMark(step: Step | undefined): boolean {
  return step?.type === 'statement' && marks.has(step.statement);
}
