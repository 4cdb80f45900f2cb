// The lists of several processes are of several moments. All waits here are those of rows that change hands.
import { describe, expect, it } from 'vitest';
import { findStandstills, type HolderInfo, type HolderWait } from '../../src/index.ts';
import { Fleet } from '../../src/inspector/fleet/fleet.ts';
import { parcelsOf } from '../../src/inspector/fleet/parcels.ts';
import { farewellText } from '../../src/inspector/fleet/questions.ts';
import type { ProcessReport } from '../../src/inspector/look/report.ts';
import { OneTime, type Told } from '../../src/inspector/observe/at-one-time.ts';
import { until } from '../support/settled.ts';

const backendOf = (name: string): { id: number; startedAt: string } => ({ id: name.charCodeAt(0), startedAt: 'then' });
const lockOf = (name: string, time: number): HolderWait => ({
  type: 'lock',
  relation: 'product',
  owners: [{ backend: backendOf(name), holderId: undefined, idle: false }],
  for: time,
});

/** What the process of one transaction tells, 10 milliseconds after it was asked. */
function told(name: string, waitsFor: HolderWait, askedAt: number): Told {
  const holder: HolderInfo = {
    id: name,
    kind: 'transaction',
    name,
    clientName: 'default',
    level: 0,
    poolId: name,
    chainId: name,
    outerId: undefined,
    ancestors: [],
    job: undefined,
    blocks: [],
    attempt: 1,
    age: 5_000,
    origin: undefined,
    backend: backendOf(name),
    running: { text: 'update product', for: waitsFor.for },
    waitsFor,
  };
  const report = {
    identity: { id: `process ${name}` },
    holders: { shown: [holder], groups: [], total: 1, waiting: 1, leftOut: 0, lookedAgo: 0 },
  } as unknown as ProcessReport;
  return { report, askedAt, cameAt: askedAt + 10 };
}

const kindsIn = (holders: readonly HolderInfo[]): readonly string[] => findStandstills(holders).map(({ kind }) => kind);

describe('the lists of several processes', () => {
  it('make a circle where all stand still in three looks', () => {
    const oneTime = new OneTime();
    const look = (at: number): readonly string[] =>
      kindsIn(oneTime.holders([told('A', lockOf('B', 500 + at), at), told('B', lockOf('A', 400 + at), at)]));
    expect(look(0)).toEqual([]);
    expect(look(250)).toEqual([]);
    expect(look(500)).toEqual(['circle']);
    expect(look(750)).toEqual(['circle']);
  });

  it('make none where one has gone on in between, though it waits for long', () => {
    const oneTime = new OneTime();
    // A waits for long, and B takes the row, waits for the next one, and so on: at no time does each wait for the other.
    for (let at = 0; at < 3_000; at += 250) {
      const lists = [told('A', lockOf('B', 5_000 + at), at), told('B', lockOf('A', 100), at)];
      expect(kindsIn(oneTime.holders(lists))).not.toContain('circle');
    }
  });

  it('make none where the wait was seen after the other one was looked at', () => {
    const oneTime = new OneTime();
    const ofB = told('B', lockOf('A', 5_000), 0);
    oneTime.holders([told('A', { type: 'server', for: 5_000 }, 0), ofB]);
    // B has not answered since.
    for (const at of [250, 500, 750])
      expect(kindsIn(oneTime.holders([told('A', lockOf('B', 5_000 + at), at), ofB]))).not.toContain('circle');
  });

  it('make none where the wait of before was one for someone else', () => {
    const oneTime = new OneTime();
    const look = (at: number, owner: string): readonly string[] =>
      kindsIn(oneTime.holders([told('A', lockOf(owner, 5_000 + at), at), told('B', lockOf('A', 5_000 + at), at)]));
    look(0, 'C');
    expect(look(250, 'B')).not.toContain('circle');
    expect(look(500, 'B')).not.toContain('circle');
    expect(look(750, 'B')).toContain('circle');
  });

  it('make none where a queue for a row has been lined up anew while all stood still', () => {
    const oneTime = new OneTime();
    // Each is first behind the other, in turn, for more than one look.
    for (let at = 0; at < 3_000; at += 250) {
      const isAhead = at % 1_000 < 500;
      const [ofA, ofB] = isAhead
        ? [lockOf('B', 5_000 + at), lockOf('C', 5_000 + at)]
        : [lockOf('C', 5_000 + at), lockOf('A', 5_000 + at)];
      const late = told('B', ofB, at);
      expect(kindsIn(oneTime.holders([told('A', ofA, at), late]))).not.toContain('circle');
      // That of A comes later, and shows the queue of then.
      expect(kindsIn(oneTime.holders([told('A', lockOf('B', 5_000 + at), at + 100), late]))).not.toContain('circle');
    }
  });
});

describe('a process that leaves', () => {
  it('is not brought back by an answer that is still being read', async () => {
    let question = '';
    const bus = {
      longestMessage: 10_000,
      open: () => {},
      publish: (text: string) => Promise.resolve(void (question = text)),
      close: () => Promise.resolve(),
    };
    const fleet = new Fleet(bus, 'own', () => {});
    const answer = async (from: string): Promise<void> => {
      const [, ask = ''] = question.split(' ');
      for (const text of await parcelsOf(ask, from, { nothing: 'to read' }, 10_000)) fleet.hear(text);
    };
    fleet.ask();
    await answer('leaver');
    fleet.hear(farewellText('leaver'));
    expect(fleet.known()).toEqual([]);
    await answer('stayer');
    await until('the later one was read', () => fleet.known().some(({ status }) => status === 'garbled'));
    expect(fleet.known().map(({ id }) => id)).toEqual(['stayer']);
    // It is there again: a farewell that others made up hides it no longer than until the next question.
    fleet.ask();
    await answer('leaver');
    expect(fleet.known().map(({ id }) => id)).toEqual(['stayer', 'leaver']);
  });
});
