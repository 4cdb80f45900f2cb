import 'reflect-metadata';
import { expect, it } from 'vitest';
import { createDatabase, Database, type TransactionOptions } from '../../src/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';

/** A service whose methods are decorated, in one decorator standard or the other. */
export interface DecoratedService {
  place(id: number): Promise<string>;
  audit(): Promise<boolean>;
  refuse(): Promise<void>;
  describe(): Promise<{ name: string | undefined; openedAt: string | undefined }>;
}

const database = createDatabase({
  clients: { default: postgres({ connectionString: process.env['DATABASE_URL'], max: 1 }) },
});
const second = createDatabase({
  clients: { default: postgres({ connectionString: process.env['DATABASE_URL'], max: 1 }) },
});

export { database, second };

/** Puts metadata on a method, as the decorators of a framework do; for both standards. */
export function route(path: string) {
  return (first: unknown, second: unknown, descriptor?: { value?: unknown }): void => {
    const method = typeof second === 'object' ? first : descriptor?.value;
    Reflect.defineMetadata('route', path, method as object);
  };
}

/** The cases that hold for both standards; `define` makes the service's class with decorators. */
export function decoratorCases(
  define: () => { new (): DecoratedService },
  withBean: () => { new (): { which(): Promise<string> } },
): void {
  it('runs the method in a transaction, with its own this and arguments', async () => {
    const service = new (define())();
    expect(await service.place(7)).toBe('order 7 of shop in true');
  });

  it('takes options', async () => {
    const service = new (define())();
    expect(await database.transaction(() => service.audit())).toBe(true);
    await expect(service.refuse()).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
  });

  it('keeps the name and length of the method', () => {
    const method = Object.getOwnPropertyDescriptor(define().prototype, 'place')?.value as () => void;
    expect([method.name, method.length]).toEqual(['place', 1]);
  });

  it('names its transactions after the method, and knows where it was applied', async () => {
    const service = new (define())();
    const { name, openedAt } = await service.describe();
    expect(name).toBe('describe');
    expect(openedAt).toMatch(/test\/decorators\/.*\.ts:\d+/);
  });

  it('keeps the metadata that other decorators put on the method', () => {
    const method = Object.getOwnPropertyDescriptor(define().prototype, 'place')?.value as object;
    expect(Reflect.getMetadata('route', method)).toBe('/orders');
  });

  it('Database.transaction() uses the database of this.bean, else the first one', async () => {
    const instance = new (withBean())();
    expect(await instance.which()).toBe('default');
    expect(await Object.assign(instance, { bean: { database: second } }).which()).toBe('second');
  });

  it('refuses bad options where it is applied', () => {
    expect(() => Database.transaction({ propagation: 'SOMETIMES' } as unknown as TransactionOptions)).toThrow(
      /REQUIRED/,
    );
  });
}
