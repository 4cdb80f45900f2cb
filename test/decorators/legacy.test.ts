import { afterAll, describe } from 'vitest';
import { Database, isTransactionActive } from '../../src/index.ts';
import { database, decoratorCases, type DecoratedService, route, second } from './cases.ts';

function defineService(): { new (): DecoratedService } {
  const { Transactional } = database;

  class Service implements DecoratedService {
    readonly shop = 'shop';

    @Transactional()
    @route('/orders')
    async place(id: number): Promise<string> {
      return `order ${id} of ${this.shop} in ${isTransactionActive()}`;
    }

    @Transactional({ propagation: 'REQUIRES_NEW' })
    async audit(): Promise<boolean> {
      return database.current.level === 1;
    }

    @Transactional({ propagation: 'MANDATORY' })
    async refuse(): Promise<void> {}

    @Transactional()
    async describe(): Promise<{ name: string | undefined; openedAt: string | undefined }> {
      await database.current.query('select 1');
      return {
        name: database.current.transaction.active?.name,
        openedAt: database.stats().clients.default.oldestHolder?.openedAt,
      };
    }
  }
  return Service;
}

function defineWithBean(): { new (): { which(): Promise<string> } } {
  class Report {
    @Database.transaction()
    async which(): Promise<string> {
      return second.current.inTransaction ? 'second' : database.current.inTransaction ? 'default' : 'none';
    }
  }
  return Report;
}

describe('the decorator, legacy standard', () => {
  afterAll(async () => {
    await Promise.all([database.close(), second.close()]);
  });
  decoratorCases(defineService, defineWithBean);
});
