import type { SourceCode } from 'eslint';
import type { Node } from './nodes.ts';
import { originOfType } from './origins.ts';

/** The types of libraries for a transaction that is handed around: module, and way to the type. */
const types: readonly (readonly [modules: RegExp, ways: readonly string[]])[] = [
  [/^kysely$/, ['Transaction', 'ControlledTransaction']],
  [/^knex$/, ['Knex.Transaction', 'Transaction']],
  [/^typeorm$/, ['EntityManager', 'QueryRunner']],
  [/^drizzle-orm\//, ['PgTransaction', 'NodePgTransaction', 'MySqlTransaction', 'MySql2Transaction']],
  // Prisma generates it to a file of the program.
  [/./, ['Prisma.TransactionClient']],
];

/** The name of the type of a library's transaction that a parameter has; undefined for another one, or without types. */
export function transactionTypeOf(parameter: Node, code: SourceCode): string | undefined {
  const { module, path = [] } = originOfType(parameter, code) ?? {};
  if (module === undefined) return undefined;
  const way = path.join('.');
  return types.some(([modules, ways]) => modules.test(module) && ways.includes(way)) ? way : undefined;
}
