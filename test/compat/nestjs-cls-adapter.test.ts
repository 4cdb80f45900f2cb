// An adapter of the program, for a store that is none of Sluice: with the package and here it is called alike.
import * as old from '@nestjs-cls/transactional';
import { Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { ClsModule, ClsServiceManager } from 'nestjs-cls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as shim from '../../src/compat/nestjs-cls/index.ts';
import { rejection } from '../support/settled.ts';

interface Handle {
  readonly number: number;
  write(text: string): void;
}
interface Options {
  readonly level?: string;
}

/** Remembers what is written, and where. */
class Ledger {
  readonly lines: string[] = [];
  #handles = 0;

  open(): Handle {
    const number = ++this.#handles;
    return { number, write: (text) => void this.lines.push(`${number}: ${text}`) };
  }
}

function adapterOf(ledger: Ledger) {
  const fallback = { number: 0, write: (text: string): void => void ledger.lines.push(`alone: ${text}`) };
  return {
    connection: ledger,
    defaultTxOptions: { level: 'default' } as Options,
    optionsFactory: (connection: Ledger) => ({
      async wrapWithTransaction(
        options: Options,
        fn: (handle: Handle) => Promise<never>,
        setTx: (tx?: Handle) => void,
      ): Promise<unknown> {
        const handle = connection.open();
        setTx(handle);
        // By "this", as an object with methods may.
        return await this.ended(handle, `begin ${options.level}`, 'commit', 'rollback', () => fn(handle));
      },
      async wrapWithNestedTransaction(
        options: Options,
        fn: (handle: Handle) => Promise<never>,
        setTx: (tx?: Handle) => void,
        tx: Handle,
      ): Promise<unknown> {
        setTx(tx);
        return await this.ended(tx, `savepoint ${options.level}`, 'release', 'rollback to', () => fn(tx));
      },
      async ended(handle: Handle, begin: string, good: string, bad: string, body: () => Promise<never>) {
        handle.write(begin);
        try {
          const result = await body();
          handle.write(good);
          return result;
        } catch (error) {
          handle.write(bad);
          throw error;
        }
      },
      getFallbackInstance: (): Handle => fallback,
    }),
  };
}

type Adapter = ReturnType<typeof adapterOf>;
interface Kit {
  readonly api: typeof shim;
  readonly host: shim.TransactionHost<Adapter>;
  readonly module: TestingModule;
  readonly ledger: Ledger;
}

async function kitOf(api: typeof shim): Promise<Kit> {
  const ledger = new Ledger();
  // The types that a program names.
  const adapter: shim.TransactionalAdapter<Ledger, Handle, Options> = adapterOf(ledger);
  const options: shim.TransactionalPluginOptions<Ledger, Handle, Options> = { adapter, connectionName: 'ledger' };
  const plugins = [new api.ClsPluginTransactional(options)];
  const module = await Test.createTestingModule({ imports: [ClsModule.registerPlugins(plugins)] }).compile();
  const host = api.TransactionHost.getInstance<Adapter>('ledger');
  return { api, host, module, ledger };
}

const { Propagation } = shim;
const cls = ClsServiceManager.getClsService();
const declined = new Error('declined');
let there: Kit;
let here: Kit;

beforeAll(async () => {
  Logger.overrideLogger(false);
  there = await kitOf(old as unknown as typeof shim);
  here = await kitOf(shim);
});
afterAll(async () => {
  await there.module.close();
  await here.module.close();
});

async function linesOf(kit: Kit, body: () => Promise<unknown>): Promise<unknown[]> {
  const before = kit.ledger.lines.length;
  const first = kit.ledger.open().number;
  const outcome = await Promise.resolve()
    .then(body)
    .then(
      (value) => value,
      (error: unknown) => (error as Error).name,
    );
  const lines = kit.ledger.lines.slice(before);
  return [outcome, ...lines.map((line) => line.replace(/^\d+/, (number) => `tx ${Number(number) - first}`))];
}

const same: Record<string, (kit: Kit) => Promise<unknown>> = {
  'its functions may use "this", in a savepoint, too': (kit) =>
    linesOf(kit, () =>
      kit.host.withTransaction({ level: 'own' }, () =>
        kit.host.withTransaction(Propagation.Nested, async () => kit.host.tx.write('inner')),
      ),
    ),
  'what it hands to the function reaches it': (kit) =>
    linesOf(kit, () => kit.host.withTransaction(async (...given: never[]) => given.length)),
  'a propagation that there is not is refused': (kit) =>
    linesOf(kit, () => kit.host.withTransaction('required' as never, async () => kit.host.tx.write('inside'))),
  'a value that a scope sets in the context, if it joins': (kit) =>
    kit.host.withTransaction(async () => {
      const seen: unknown[] = [];
      for (const propagation of Object.values(Propagation).filter((each) => each !== Propagation.Never)) {
        await kit.host.withTransaction(propagation, async () => cls.set('value', propagation));
        seen.push(cls.get('value'));
      }
      return seen;
    }),
  'a context of its own is outside of the transaction': (kit) =>
    linesOf(kit, () =>
      kit.host.withTransaction(async () => {
        kit.host.tx.write('inside');
        cls.run({ ifNested: 'override' }, () => kit.host.tx.write('in an empty context'));
        cls.exit(() => kit.host.tx.write('in none'));
        cls.run({ ifNested: 'inherit' }, () => kit.host.tx.write('in a copy'));
        return [cls.exit(() => kit.host.isTransactionActive()), kit.host.isTransactionActive()];
      }),
    ),
};

/** A program of scopes in scopes; a scope that fails is either caught where it is, or passed on. */
interface Scope {
  readonly propagation: shim.Propagation;
  readonly options: Options | undefined;
  readonly fails: boolean;
  readonly caught: boolean;
  readonly inner: readonly Scope[];
}

function programs(count: number): Scope[] {
  let state = 7;
  const pick = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
  const modes = Object.values(Propagation);
  const scope = (depth: number): Scope => ({
    propagation: modes[pick(modes.length)] ?? 'REQUIRED',
    options: pick(3) === 0 ? { level: `level ${pick(3)}` } : undefined,
    fails: pick(6) === 0,
    caught: pick(2) === 0,
    inner: depth === 0 ? [] : Array.from({ length: pick(4) }, () => scope(depth - 1)),
  });
  return Array.from({ length: count }, () => scope(3));
}

async function run(kit: Kit, scope: Scope): Promise<void> {
  const body = async (): Promise<void> => {
    kit.host.tx.write(`${scope.propagation} ${kit.host.isTransactionActive()}`);
    for (const inner of scope.inner) await run(kit, inner);
    if (scope.fails) throw declined;
    kit.host.tx.write('done');
  };
  const call = async (): Promise<void> =>
    scope.options === undefined
      ? await kit.host.withTransaction(scope.propagation, body)
      : await kit.host.withTransaction(scope.propagation, scope.options, body);
  await (scope.caught ? call().catch(() => undefined) : call());
}

describe('an adapter of the program, with the package and here', () => {
  it.each(Object.entries(same))('%s', async (_name, body) => {
    expect(await body(here)).toEqual(await body(there));
  });

  it('what comes too late gets the transaction that has ended, which refuses it; with the package it is outside', async () => {
    const late = (kit: Kit): Promise<unknown> =>
      linesOf(kit, async () => {
        const ended = Promise.withResolvers<void>();
        let call = Promise.resolve();
        await kit.host.withTransaction(async () => {
          call = ended.promise.then(() => kit.host.tx.write(`late ${kit.host.isTransactionActive()}`));
        });
        ended.resolve();
        await call;
      });
    expect(await late(there)).toEqual([undefined, 'tx 1: begin default', 'tx 1: commit', 'alone: late false']);
    expect(await late(here)).toEqual([undefined, 'tx 1: begin default', 'tx 1: commit', 'tx 1: late false']);
  });

  it('a second string of the decorator that is no propagation is refused, not taken for none', async () => {
    const descriptor = { value: async (): Promise<number> => 7 };
    here.api.Transactional('ledger', 'nested' as never)({}, 'sell', descriptor);
    expect(await rejection(descriptor.value())).toMatchObject({ code: 'TRANSACTION_PROPAGATION' });
  });

  it('random scopes, unless the error of one that had joined is caught', async () => {
    let alike = 0;
    for (const program of programs(400)) {
      const ours = await linesOf(here, () => run(here, program));
      const theirs = await linesOf(there, () => run(there, program));
      const at = theirs.findIndex((line, i) => i > 0 && line !== ours[i]);
      // What would be half a transaction is none here.
      if (at >= 0) expect([wordOf(theirs[at]), wordOf(ours[at])]).toEqual(['ends well', 'rolls back']);
      else expect(ours).toEqual(theirs);
      alike += at < 0 ? 1 : 0;
    }
    expect(alike).toBeGreaterThan(200);
    expect(alike).toBeLessThan(400);
  });
});

function wordOf(line: unknown): string {
  if (/^tx \d+: (commit|release)$/.test(String(line))) return 'ends well';
  return /^tx \d+: rollback( to)?$/.test(String(line)) ? 'rolls back' : String(line);
}
