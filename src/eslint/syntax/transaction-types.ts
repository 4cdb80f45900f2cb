import type { SourceCode } from 'eslint';
import type { Node, NodeOf } from './nodes.ts';
import { originOf } from './origins.ts';

/** The types of libraries for a transaction that is handed around: module, and way to the type. */
const types: readonly (readonly [modules: RegExp, ways: readonly string[]])[] = [
  [/^kysely$/, ['Transaction', 'ControlledTransaction']],
  [/^knex$/, ['Knex.Transaction', 'Transaction']],
  [/^typeorm$/, ['EntityManager', 'QueryRunner']],
  [/^drizzle-orm\//, ['PgTransaction', 'NodePgTransaction', 'MySqlTransaction', 'MySql2Transaction']],
  // Prisma generates it to a file of the program.
  [/./, ['Prisma.TransactionClient']],
];

/** A type as the parsers of TypeScript have it. */
interface TypeNode {
  readonly type: string;
  readonly typeName?: NameNode;
  readonly typeAnnotation?: TypeNode;
}
interface NameNode {
  readonly type: string;
  readonly left?: NameNode;
  readonly right?: { readonly name: string };
}

/** The name of the type of a library's transaction that a parameter has; undefined for another one, or without types. */
export function transactionTypeOf(parameter: Node, code: SourceCode): string | undefined {
  const named = (parameter.type === 'AssignmentPattern' ? parameter.left : parameter) as Node & TypeNode;
  const name = named.typeAnnotation?.typeAnnotation?.typeName;
  if (name === undefined) return undefined;
  const { module, path } = wayTo(name, code);
  if (module === undefined) return undefined;
  const way = path.join('.');
  return types.some(([modules, ways]) => modules.test(module) && ways.includes(way)) ? way : undefined;
}

function wayTo(name: NameNode, code: SourceCode): { module?: string; path: readonly string[] } {
  if (name.type === 'Identifier') return originOf(name as NodeOf<'Identifier'>, code);
  if (name.left === undefined || name.right === undefined) return { path: [] };
  const left = wayTo(name.left, code);
  return { ...left, path: [...left.path, name.right.name] };
}
