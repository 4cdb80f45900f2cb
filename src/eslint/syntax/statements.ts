import type { SourceCode } from 'eslint';
import { isOfSluice } from './libraries.ts';
import type { Node } from './nodes.ts';
import { lastName, type Origin, originOf } from './origins.ts';
import { isLibraryTransaction } from './transactions.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Methods of handles that send nothing, or whose promise need not be awaited. */
const sendsNothing = words(
  'then catch finally afterCommit commit afterRollback compensate beforeCommit afterCompletion setRollbackOnly observeSavepoints detached ' +
    'current getDb active on once off addListener removeListener handle worker create merge getRepository withRepository ' +
    'createQueryBuilder hasId getId persist assign getReference map clear fork getConnection getKnex raw ref fn with ' +
    'withSchema isTransactionActive stats release Transactional transacting dynamic $with $count',
);
/** Of values that may be anything, these names alone are statements. */
const alwaysStatements = words('query $executeRaw $executeRawUnsafe $queryRaw $queryRawUnsafe $transaction');
const handles = words('current database db dataSource manager pool client connection transaction getDb tx trx');
const managers = words('manager getManager entityManager em repository getRepository');
const prismaStatements = words(
  'create createMany createManyAndReturn update updateMany updateManyAndReturn upsert delete deleteMany findUnique ' +
    'findUniqueOrThrow findFirst findFirstOrThrow findMany count aggregate groupBy',
);
const managerStatements = words(
  'save insert update upsert delete remove softDelete softRemove recover restore increment decrement find findOne ' +
    'findOneOrFail findOneBy findOneByOrFail findBy findAndCount count query flush persistAndFlush nativeInsert ' +
    'nativeUpdate nativeDelete transaction',
);
/** What a chain of a query builder begins with. */
const builders = words(
  'insertInto updateTable deleteFrom selectFrom mergeInto replaceInto createQueryBuilder insert update delete select sql',
);
const executions = words(
  'execute executeTakeFirst executeTakeFirstOrThrow getMany getOne getOneOrFail getRawMany getRawOne getCount run all get',
);

/** The types of handles, by the module that they come from: what has one is a handle whatever its name is. */
const handleTypes: readonly (readonly [modules: RegExp, names: RegExp, kind: 'manager' | 'queries' | 'host'])[] = [
  [/^typeorm$/, /^(?:DataSource|EntityManager|(?:Tree|Mongo)?Repository)$/, 'manager'],
  [/^@mikro-orm\//, /^(?:Sql)?Entity(?:Manager|Repository)$/, 'manager'],
  [/^drizzle-orm\//, /Database$/, 'queries'],
  [/^sluice$/, /^(?:Database|Db)$/, 'queries'],
  [/^(?:sluice\/compat\/nestjs-cls|@nestjs-cls\/transactional)$/, /^TransactionHost$/, 'host'],
];
/** What a query of Drizzle, which is sent when it is awaited, ends with. */
const lazyStatements = words(
  'values set where from returning execute onConflictDoNothing onConflictDoUpdate onDuplicateKeyUpdate limit offset orderBy ' +
    'groupBy having innerJoin leftJoin rightJoin fullJoin for prepare insert update delete',
);
const lazyBuilders = words('insert update delete select selectDistinct');
const lazyHandles = words('db drizzle tx trx');

/** Whether a call or a tagged template sends a statement, as far as the file shows. */
export function isStatement(node: Node, code: SourceCode): boolean {
  const origin = originOf(node, code);
  const name = lastName(origin);
  if (name === undefined || origin.path.at(-1) !== '()') return false;
  if (isModelOfPrisma(origin, name, code)) return true;
  if (isOfSluice(origin) || isLibrarys(origin, code)) return !sendsNothing.has(name) && origin.path.length > 2;
  if (origin.module !== undefined && origin.module.startsWith('node:')) return false;
  const way = origin.path.slice(0, -2);
  if (way.length === 0) return name === 'withTransaction' || name === 'withTransactionIsolation';
  if (alwaysStatements.has(name)) return true;
  const after = way.findLast((step) => step !== '()') ?? '';
  if (name === 'batch' || name === 'transaction') return handles.has(after);
  if (executions.has(name) && way.some((step) => builders.has(step))) return true;
  if (managerStatements.has(name) && (managers.has(after) || isTyped(origin, 'manager', 1))) return true;
  if (isLazy(origin, name)) return true;
  return prismaStatements.has(name) && way.slice(0, -1).some((step) => /prisma/i.test(step));
}

/** `tx.sale.create()`, where `tx.create()` is another library's, and sends nothing. */
function isModelOfPrisma(origin: Origin, name: string, code: SourceCode): boolean {
  if (!prismaStatements.has(name)) return false;
  const names = origin.path.filter((step) => step !== '()');
  return names.length > 2 && (names[0] === 'bindPrisma' || isLibrarys(origin, code));
}

/** `tx.insert()`: of the transaction that a library gives its body, or of `this.txHost.tx`. */
function isLibrarys(origin: Origin, code: SourceCode): boolean {
  const { parameter, path, type } = origin;
  if (parameter !== undefined && isLibraryTransaction(parameter, code)) return true;
  const host = path.findIndex((step) => step === 'txHost' || step === 'transactionHost');
  if (host >= 0 && path[host + 1] === 'tx') return path.length > host + 2;
  return type !== undefined && kindOf(origin) === 'host' && type.path[0] === 'tx' && type.path.length > 1;
}

/** `db.insert(sale).values({})`, which is a statement when it is awaited, and nothing before. */
function isLazy(origin: Origin, name: string): boolean {
  if (!lazyStatements.has(name)) return false;
  const { path } = origin;
  const builder = path.findIndex((step, at) => lazyBuilders.has(step) && path[at + 1] === '()');
  if (builder <= 0) return false;
  // Knex begins with the table: knex('sale').insert({}).
  if (path[builder - 1] === '()') return path[builder - 2] === 'knex';
  return lazyHandles.has(path[builder - 1] ?? '') || isTyped(origin, 'queries');
}

/** Whether the value has a type of a kind. @param steps how many names there are behind what has it */
function isTyped(origin: Origin, kind: 'manager' | 'queries', steps?: number): boolean {
  const names = origin.type?.path.filter((step) => step !== '()').length;
  return kindOf(origin) === kind && (steps === undefined || names === steps);
}

function kindOf({ type }: Origin): 'manager' | 'queries' | 'host' | undefined {
  if (type === undefined) return undefined;
  return handleTypes.find(([modules, names]) => modules.test(type.module) && names.test(type.name))?.[2];
}
