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
  if (managerStatements.has(name) && managers.has(after)) return true;
  return prismaStatements.has(name) && way.slice(0, -1).some((step) => /prisma/i.test(step));
}

/** `tx.sale.create()`, where `tx.create()` is another library's, and sends nothing. */
function isModelOfPrisma(origin: Origin, name: string, code: SourceCode): boolean {
  if (!prismaStatements.has(name)) return false;
  const names = origin.path.filter((step) => step !== '()');
  return names.length > 2 && (names[0] === 'bindPrisma' || isLibrarys(origin, code));
}

/** `tx.insert()`: of the transaction that a library gives its body. */
function isLibrarys({ parameter }: Origin, code: SourceCode): boolean {
  return parameter !== undefined && isLibraryTransaction(parameter, code);
}
