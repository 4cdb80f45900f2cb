// Actors of one statement that is no transaction: others come in between what it reads and its COMMIT.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const isPostgres = engine.name === 'postgres';
const server = useTestDatabase(
  'create table ticket (id int primary key, state varchar(9) not null, runs int not null)',
  'create table member (email varchar(40) not null)',
  'create table coupon (code varchar(9) primary key, left_over int not null)',
  ...(engine.name === 'sqlite' ? [] : [reserve()]),
);
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

/** Reads and then writes, in a function of the database. */
function reserve(): string {
  const body = `declare found int; begin
      select left_over into found from coupon where code = 'SPRING';
      update coupon set left_over = found - 1 where code = 'SPRING';
      return found; end`;
  return isPostgres
    ? `create function reserve() returns int language plpgsql as $$ ${body} $$`
    : `create function reserve() returns int modifies sql data begin ${body.replace('begin', '')}`;
}

const run = (text: string) => database.query(text);
const setup = async (): Promise<void> => {
  for (const table of ['ticket', 'member', 'coupon']) await run(`delete from ${table}`);
  await run(`insert into ticket (id, state, runs) values (1, 'new', 0), (2, 'new', 0)`);
  await run(`insert into coupon (code, left_over) values ('SPRING', 5)`);
};
const tried = (statement: string, inTransaction = false): Promise<InterleaveReport> => {
  const body = async (): Promise<unknown> => (await run(statement)).rowCount;
  const actor = inTransaction ? () => database.transaction(body) : body;
  return interleave(database, { setup, actors: { alice: actor, bob: actor }, maxRemedyRuntime: 0 });
};

const claim = (lock: string): string =>
  `update ticket set state = 'run', runs = runs + 1
   where id = (select id from ticket where state = 'new' order by id limit 1 ${lock})`;
const signUp = `insert into member (email) select 'a@example.com' where not exists (select 1 from member)`;

describe.skipIf(engine.name === 'sqlite')('an actor of one statement', () => {
  it.each([
    ...(isPostgres
      ? [
          ['an UPDATE of what it selects', claim('')],
          ['an INSERT of what is not there', signUp],
          [
            'a WITH that writes',
            `with due as (select id from ticket where state = 'new' order by id limit 1)
             update ticket set state = 'run', runs = runs + 1 from due where ticket.id = due.id`,
          ],
        ]
      : []),
    ['a function of the database', 'select reserve()'],
  ])('is no critical section: %s', async (_, statement) => {
    const report = await tried(statement);
    expect(report.anomalies, report.toString()).toHaveLength(1);
    const [anomaly] = report.anomalies;
    expect(anomaly?.steps.map(({ text }) => text).filter((text) => text === 'its COMMIT')).toHaveLength(2);
    expect(anomaly?.steps.map(({ text }) => text).join()).not.toContain('BEGIN');
    expect((await tried(statement, true)).anomalies.map(({ kind }) => kind)).toEqual([anomaly?.kind]);
  });

  it.each([
    ...(isPostgres ? [['an UPDATE of what it selects and locks', claim('for update skip locked')]] : []),
    ...(isPostgres ? [] : [['an INSERT of what is not there, which locks there', signUp]]),
    ['a conditional UPDATE', `update coupon set left_over = left_over - 1 where code = 'SPRING' and left_over > 4`],
    ['an INSERT of what it selects, under a key', `insert into coupon (code, left_over) select 'MAY', 1`],
    ['a query', 'select coalesce(max(left_over), 0) as most from coupon'],
  ])('is right as it is: %s', async (_, statement) => {
    const report = await tried(statement);
    expect(report.anomalies, report.toString()).toEqual([]);
    expect(database.stats().clients.default.used).toBe(0);
  });

  it('that fails ends with its failure, and leaves no transaction open', async () => {
    const insert = (code: string) => async (): Promise<unknown> =>
      (await run(`insert into coupon (code, left_over) select '${code}', 1`)).rowCount;
    const report = await interleave(database, { setup, actors: { alice: insert('SPRING'), bob: insert('MAY') } });
    expect(report.anomalies, report.toString()).toEqual([]);
    expect(await server.sql(`select left_over from coupon where code = 'MAY'`)).toEqual([{ left_over: 1 }]);
    expect(database.stats().clients.default.used).toBe(0);
  });
});
