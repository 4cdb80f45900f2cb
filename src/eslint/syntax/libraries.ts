import type { SourceCode } from 'eslint';
import { callWithArgument, type CallNode, isCall, type Node, parentOf, propertyName, wrapped } from './nodes.ts';
import { lastName, type Origin, originOf } from './origins.ts';

/** How a library makes the handle that its users hold, and what makes that handle follow the ambient transaction. */
export interface Library {
  readonly name: string;
  readonly modules: RegExp;
  /** The ways by which a handle is made, as {@link Origin} has them. */
  readonly makers: readonly string[];
  readonly binder?: string;
  /** Others that make a handle follow it, when they are given it. */
  readonly takers?: readonly string[];
  readonly entry: string;
  readonly remedy: string;
}

const anyModule = /./;

export const libraries: readonly Library[] = [
  bound('Kysely', /^kysely$/, ['Kysely.new'], 'bindKysely', 'sluice/kysely'),
  bound(
    'Drizzle',
    /^drizzle-orm\/(?!pg-proxy|mysql-proxy|sqlite-proxy)[\w-]+$/,
    ['drizzle.()'],
    'bindDrizzle',
    'sluice/drizzle',
  ),
  // Prisma generates its client to a file of the program.
  bound('Prisma', anyModule, ['PrismaClient.new'], 'bindPrisma', 'sluice/prisma'),
  bound(
    'MikroORM',
    /^@mikro-orm\//,
    ['MikroORM.new', 'MikroORM.init.()', 'MikroORM.initSync.()'],
    'bindMikroOrm',
    'sluice/mikro-orm',
  ),
  {
    ...bound('Knex', /^knex$/, ['()', 'knex.()'], 'bindKnex', 'sluice/knex'),
    remedy: 'Make it with createKnex(database) of sluice/knex',
  },
  {
    ...made('TypeORM', /^typeorm$/, ['DataSource.new'], 'sluice/typeorm', 'createDataSource(database, options)'),
    takers: ['adoptDataSource', 'addTransactionalDataSource'],
  },
  made(
    'pg',
    /^(?:pg|pg-pool)$/,
    ['Pool.new', 'native.Pool.new', 'Client.new', 'native.Client.new', 'new'],
    'sluice/postgres',
    'ambientPool(database)',
  ),
  made(
    'mysql2',
    /^mysql2(?:\/promise)?$/,
    ['createPool.()', 'createPoolCluster.()', 'createConnection.()'],
    'sluice/mysql',
    'ambientPool(database)',
  ),
  made('postgres.js', /^postgres$/, ['()'], 'sluice/postgres', 'ambientPool(database)'),
];

function bound(name: string, modules: RegExp, makers: readonly string[], binder: string, entry: string): Library {
  return {
    name,
    modules,
    makers,
    binder,
    entry,
    remedy: `Give it to ${binder}(handle, database) of ${entry} where it is made`,
  };
}

function made(name: string, modules: RegExp, makers: readonly string[], entry: string, maker: string): Library {
  return { name, modules, makers, entry, remedy: `Use ${maker} of ${entry} instead` };
}

/** The library whose handle a call makes, if it makes one. */
export function libraryMadeBy(call: CallNode, code: SourceCode): Library | undefined {
  const { module, path } = originOf(call, code);
  if (module === undefined) return undefined;
  const way = path.join('.');
  return libraries.find(({ modules, makers }) => modules.test(module) && makers.includes(way));
}

/** Whether a handle, or a variable that holds it, is given to one of those that bind it. */
export function isBound(handle: Node, binders: readonly string[], code: SourceCode, depth = 0): boolean {
  if (depth > 5) return false;
  const value = wrapped(handle);
  const parent = parentOf(value);
  const call = callWithArgument(value);
  if (call !== undefined) return binders.includes(lastName(originOf(call.callee, code)) ?? '');
  if (parent?.type === 'AwaitExpression') return isBound(parent, binders, code, depth + 1);
  // `addTransactionalDataSource({ name, dataSource: new DataSource(...) })`
  if (parent?.type === 'Property' && parent.value === value && propertyName(parent) === 'dataSource') {
    const options = parentOf(parent);
    return options !== undefined && isBound(options, binders, code, depth + 1);
  }
  // `new PrismaClient().$extends(...)` is what is bound then.
  if (parent?.type === 'MemberExpression' && parent.object === value) {
    const method = parentOf(wrapped(parent));
    return isCall(method) && isBound(method, binders, code, depth + 1);
  }
  if (parent?.type !== 'VariableDeclarator' || parent.id.type !== 'Identifier') return false;
  return code
    .getDeclaredVariables(parent)
    .some(({ references }) =>
      references.some((each) => each.isRead() && isBound(each.identifier as Node, binders, code, depth + 1)),
    );
}

/** What of Sluice gives a handle of the ambient transaction. */
const givers = new Set([
  'createDatabase',
  'createKnex',
  'createDataSource',
  'createJobs',
  'getManager',
  'ambientPool',
  ...libraries.flatMap(({ binder }) => binder ?? []),
]);

/** Whether something was got from a handle that Sluice gives, as `query` of `createDatabase(...).current.query`. */
export function isOfSluice({ module, path }: Origin): boolean {
  return module !== undefined && /^sluice(?:\/|$)/.test(module) && givers.has(path[0] ?? '') && path[1] === '()';
}
