// The samples of the document on datasource levels, in their order, as they are written there but for imports and `extends`.
import 'reflect-metadata';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { defineModel } from '../../src/model/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { defineQueue, type Job, memory } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';

interface StudentRow {
  id: number;
  name: string;
}
interface AddData {
  a: number;
  b: number;
}
const server = useTestDatabase('create table student (id int primary key, name text not null)');
const student = defineModel<StudentRow>({ table: 'student', key: 'id' });
const add = defineQueue<AddData, number>('add', { timeout: 10_000 });
const engine = memory();
/** A process, as far as that goes in one: each has a pool of one connection. */
const open = (): ReturnType<typeof make> => make(createDatabase({ clients: { default: server.client({ max: 1 }) } }));
const make = (database: Database<'default'>) => createApp(database, { models: { student }, queues: { add }, engine });
const workerA = open();
const workerB = open();
afterAll(async () => {
  await workerA.close();
  await workerB.close();
});
beforeEach(async () => {
  await createOutboxTables(workerA.database.current);
  await server.sql('delete from student');
  await server.sql("insert into student values (1, 'nobody')");
});

class QueueAdd extends workerB.Bean {
  async execute(data: AddData, _options: Job): Promise<number> {
    await this.scope.model.student.update({ id: 1, name: 'student name' });
    return data.a + data.b;
  }
}
workerB.jobs.worker().handle(add, (data, job) => new QueueAdd().execute(data, job));

class ControllerStudent extends workerA.Bean {
  async test(): Promise<number> {
    const result = await this.ctx.db.transaction.begin(async () => {
      const data = { a: 1, b: 2 };
      return await this.scope.queue.add.pushAsync(data);
    });
    return result;
  }

  async levels(): Promise<[number, number]> {
    await this.scope.model.student.select();
    const dbLevel = this.bean.database.current.level;
    return await this.bean.database.switchDb(
      async () => {
        await this.scope.model.student.select();
        const dbLevel1 = this.bean.database.current.level;
        return [dbLevel, dbLevel1];
      },
      { level: dbLevel + 1 },
    );
  }

  async shorthand(): Promise<number> {
    return await this.bean.database.switchDbIsolate(async () => {
      await this.scope.model.student.select();
      return this.bean.database.current.level;
    });
  }

  async explicitly(): Promise<number> {
    const result = await this.ctx.db.transaction.begin(async () => {
      // A statement, so that the only connection is held.
      await this.scope.model.student.select();
      const data = { a: 1, b: 2 };
      return await this.scope.queue.add.pushAsync(data, {
        dbInfo: {
          level: this.bean.database.current.level + 1,
        },
      });
    });
    return result;
  }
}
const controller = new ControllerStudent();
const name = async (): Promise<unknown> => (await server.sql('select name from student'))[0]?.['name'];

describe('the scenario', () => {
  it('a transaction awaits a job that writes, at pools of one, and nothing deadlocks', async () => {
    expect(await controller.test()).toBe(3);
    expect(await name()).toBe('student name');
  });
});

describe('the solution', () => {
  it('switchDb with the next level', async () => {
    expect(await controller.levels()).toEqual([0, 1]);
  });

  it('the shorthand', async () => {
    expect(await controller.shorthand()).toBe(1);
    const inTransaction = workerA.database.transaction(async () => {
      await workerA.scope.model.student.select();
      return await controller.shorthand();
    });
    expect(await inTransaction).toBe(1);
  });
});

describe('pushing a job', () => {
  it('with a level that is given', async () => {
    expect(await controller.explicitly()).toBe(3);
    expect(await name()).toBe('student name');
  });
});
