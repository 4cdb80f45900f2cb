// Runs twice: compiled to the legacy decorators of TypeScript, and to the standard ones.
import 'reflect-metadata';
import { afterAll, describe, expect, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase, Database, isTransactionActive, type TransactionOptions } from '../../src/index.ts';

const client = postgres({ connectionString: process.env['DATABASE_URL'], max: 1 });
const database = createDatabase({ clients: { default: client } });
const second = createDatabase({ clients: { default: client } });
const { Transactional } = database;

let standard: string | undefined;

/** Puts metadata on a method, as the decorators of a framework do; for both standards. */
function route(path: string) {
  return (first: unknown, context: unknown, descriptor?: { value?: unknown }): void => {
    standard = typeof context === 'object' ? 'standard' : 'legacy';
    const method = typeof context === 'object' ? first : descriptor?.value;
    Reflect.defineMetadata('route', path, method as object);
  };
}

class Orders {
  readonly shop = 'shop';

  @Transactional()
  @route('/orders')
  async place(id: number): Promise<string> {
    return `order ${id} of ${this.shop} in ${isTransactionActive()}`;
  }

  @Transactional({ propagation: 'REQUIRES_NEW' })
  async level(): Promise<number> {
    return database.current.level;
  }

  @Transactional({ propagation: 'MANDATORY' })
  async refuse(): Promise<void> {}

  @Transactional()
  async look(): Promise<{ name: string | undefined; openedAt: string | undefined }> {
    await database.current.query('select 1');
    const { oldestHolder } = database.stats().clients.default;
    return { name: database.current.transaction.active?.name, openedAt: oldestHolder?.openedAt };
  }
}

class Report {
  readonly bean: { readonly database: Database } | undefined;

  constructor(of?: Database) {
    this.bean = of && { database: of };
  }

  @Database.transaction()
  async which(): Promise<string> {
    return second.current.inTransaction ? 'second' : database.current.inTransaction ? 'first' : 'none';
  }
}

afterAll(async () => {
  await Promise.all([database.close(), second.close()]);
});

/** Says how it was called: whether in a transaction, and what that is called. */
function here(): string {
  return isTransactionActive() ? (database.current.transaction.active?.name ?? 'unnamed') : 'none';
}

@Transactional({ readOnly: true })
class Catalogue {
  static readonly opened = 1;
  readonly shop = 'shop';

  static async count(): Promise<string> {
    return here();
  }

  get size(): string {
    return here();
  }

  async find(id: number): Promise<string> {
    return `${id} of ${this.shop} in ${here()}, read-only: ${this.isReadOnly()}`;
  }

  @Transactional({ name: 'writer' })
  async add(): Promise<string> {
    return `${here()}, read-only: ${this.isReadOnly()}`;
  }

  isReadOnly(): boolean | undefined {
    return database.current.transaction.active?.readOnly;
  }

  async [Symbol.asyncDispose](): Promise<string> {
    return here();
  }

  async #secret(): Promise<string> {
    return here();
  }

  async tell(): Promise<string> {
    return await this.#secret();
  }
}

@Database.transaction()
class Prices extends Catalogue {
  override async find(): Promise<string> {
    return here();
  }
}

describe('a decorated class', () => {
  it('runs each of its async methods in a transaction, with the options of the class', async () => {
    expect(await new Catalogue().find(7)).toBe('7 of shop in find, read-only: true');
    expect(await new Catalogue().tell()).toBe('tell');
  });

  it('leaves the options of a method to the decorator of that', async () => {
    expect(await new Catalogue().add()).toBe('writer, read-only: false');
  });

  it('leaves alone what is static, accessors, other methods than async ones, and those of symbols', async () => {
    const catalogue = new Catalogue();
    expect(await Catalogue.count()).toBe('none');
    expect(catalogue.size).toBe('none');
    expect(catalogue.isReadOnly()).toBeUndefined();
    expect(await catalogue[Symbol.asyncDispose]()).toBe('none');
    expect([Catalogue.opened, Catalogue.name, catalogue instanceof Catalogue]).toEqual([1, 'Catalogue', true]);
  });

  it('is itself alone: what inherits from it has what it has decorated itself', async () => {
    const prices = Object.assign(new Prices(), { bean: { database } });
    expect(await prices.find()).toBe('find');
    expect(await prices.tell()).toBe('tell');
  });

  it('refuses a generator method where it is decorated', () => {
    class Lines {
      async *read(): AsyncGenerator<number> {
        yield 1;
      }
    }
    expect(() => Transactional()(Lines)).toThrow('generator method "read"');
  });
});

describe('where a call cannot be put into a transaction it is refused, and by what it is', () => {
  type ByHand = (first: unknown, second?: unknown, third?: unknown) => unknown;
  const decorate = Transactional() as unknown as ByHand;

  it.each<[name: string, given: Parameters<ByHand>, what: string]>([
    ['a getter', [{}, 'total', { get: (): number => 1 }], 'the accessor "total"'],
    ['a setter', [{}, 'total', { set: (): void => {} }], 'the accessor "total"'],
    ['a property', [{}, 'total'], 'the property "total"'],
    ['a property of Babel', [{}, 'total', { initializer: (): number => 1 }], 'the property "total"'],
    ['a parameter', [{}, 'sell', 1], 'the parameter 2 of "sell"'],
    ['a parameter of the constructor', [Prices, undefined, 0], 'the parameter 1 of the constructor'],
    ['a getter of ECMAScript', [(): number => 1, { kind: 'getter', name: 'total' }], 'the getter "total"'],
    ['a setter of ECMAScript', [(): void => {}, { kind: 'setter', name: 'total' }], 'the setter "total"'],
    ['an accessor of ECMAScript', [{}, { kind: 'accessor', name: 'total' }], 'the accessor "total"'],
  ])('%s', (_name, given, what) => {
    expect(() => decorate(...given)).toThrow(
      `@Transactional() decorates ${what}. Put it on an async method or a class`,
    );
  });
});

describe('a function that is wrapped', () => {
  const nameOf = (wrapped: () => Promise<unknown>): Promise<unknown> => wrapped();

  it('names its transactions after itself, or after where it was wrapped', async () => {
    async function sell(): Promise<string> {
      return here();
    }
    expect(await nameOf(Transactional()(sell))).toBe('sell');
    expect(await nameOf(Transactional()(async () => here()))).toMatch(/^fn \(decorators\.test\.ts:\d+\)$/);
  });

  it('names them after the property that it is put into', async () => {
    const decorate = Transactional() as unknown as (
      target: object,
      key: string,
      descriptor: object,
    ) => { value: () => Promise<string> };
    const anonymous = (
      (): (() => Promise<string>) => async () =>
        here()
    )();
    expect(await decorate({}, 'find', { value: anonymous }).value()).toBe('find');
    const field = Transactional()(undefined, { kind: 'field', name: 'load' } as ClassFieldDecoratorContext<
      unknown,
      () => Promise<string>
    >);
    expect(await field(anonymous)()).toBe('load');
  });
});

describe('a decorated method', () => {
  const orders = new Orders();
  const place = Object.getOwnPropertyDescriptor(Orders.prototype, 'place')?.value as () => void;

  it('was decorated by the standard that is meant', () => {
    expect(standard).toBe(process.env['DECORATORS']);
  });

  it('runs in a transaction, with its own this and arguments', async () => {
    expect(await orders.place(7)).toBe('order 7 of shop in true');
  });

  it('takes options', async () => {
    expect(await database.transaction(() => orders.level())).toBe(1);
    await expect(orders.refuse()).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
  });

  it('keeps its name and length, and the metadata of other decorators', () => {
    expect([place.name, place.length]).toEqual(['place', 1]);
    expect(Reflect.getMetadata('route', place)).toBe('/orders');
  });

  it('gives its name to the transaction, which knows where the decorator was applied', async () => {
    expect(await orders.look()).toEqual({
      name: 'look',
      openedAt: expect.stringMatching(/decorators\.test\.ts:\d+/) as string,
    });
  });

  it('by Database.transaction() uses the database of this.bean, else the one that is ambient, and does not guess', async () => {
    expect(await new Report(second).which()).toBe('second');
    expect(await second.transaction(() => new Report().which())).toBe('second');
    expect(await database.transaction(() => new Report().which())).toBe('first');
    await expect(new Report().which()).rejects.toMatchObject({ code: 'AMBIGUOUS_DATABASE' });
  });

  it('refuses bad options where it is decorated', () => {
    const bad = { propagation: 'SOMETIMES' } as unknown as TransactionOptions;
    expect(() => Transactional(bad)).toThrow(/REQUIRED/);
    expect(() => Database.transaction(bad)).toThrow(/REQUIRED/);
  });
});
