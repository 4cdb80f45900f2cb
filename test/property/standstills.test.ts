// Random lists of holders against a search that tries every way.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findStandstills, type HolderInfo, type HolderWait } from '../../src/index.ts';

interface Drawn {
  readonly wait: 'code' | 'server' | 'connection' | 'lock';
  readonly owners: readonly number[];
  readonly outer: number | undefined;
  readonly pool: number;
  readonly holds: boolean;
}

const most = 9;
const drawn = fc.record<Drawn>({
  wait: fc.constantFrom('code', 'server', 'connection', 'lock', 'lock', 'lock'),
  owners: fc.uniqueArray(fc.nat(most - 1), { minLength: 1, maxLength: 2 }),
  outer: fc.option(fc.nat(most - 1), { nil: undefined, freq: 1 }),
  pool: fc.nat(1),
  holds: fc.boolean(),
});

function holdersOf(all: readonly Drawn[]): readonly HolderInfo[] {
  return all.map(({ wait, owners, outer, pool, holds }, at): HolderInfo => {
    const known = owners.filter((owner) => owner < all.length && owner !== at);
    return {
      id: `h${at}`,
      kind: 'transaction',
      name: `h${at}`,
      clientName: `client ${pool}`,
      level: 0,
      poolId: `p${pool}`,
      chainId: `h${at}`,
      outerId: outer === undefined || outer >= at ? undefined : `h${outer}`,
      ancestors: [],
      job: undefined,
      blocks: [],
      attempt: 1,
      age: 1_000 - at,
      origin: undefined,
      backend: wait === 'connection' || !holds ? undefined : backendOf(at),
      running: undefined,
      waitsFor: waitOf(wait, known),
    };
  });
}

function waitOf(wait: Drawn['wait'], owners: readonly number[]): HolderWait {
  if (wait === 'connection') return { type: wait, opening: false, refused: undefined, for: 500 };
  if (wait !== 'lock') return { type: wait, for: 500 };
  if (owners.length === 0) return { type: 'code', for: 500 };
  const held = owners.map((at) => ({ backend: backendOf(at), holderId: `h${at}`, idle: true }));
  return { type: 'lock', relation: undefined, owners: held, for: 500 };
}

const backendOf = (at: number): { id: number; startedAt: string } => ({ id: at, startedAt: 'then' });

/** Whom each waits for: all of one list, and any of the other. */
function waitsOf(holder: HolderInfo, holders: readonly HolderInfo[]): { all: string[]; any: string[] | undefined } {
  const { waitsFor, id } = holder;
  const all = holders.filter(({ outerId }) => outerId === id).map((each) => each.id);
  if (waitsFor.type === 'lock') all.push(...waitsFor.owners.map(({ holderId }) => String(holderId)));
  if (waitsFor.type !== 'connection') return { all, any: undefined };
  const inPool = holders.filter(({ poolId, backend }) => poolId === holder.poolId && backend !== undefined);
  return { all, any: inPool.map((each) => each.id) };
}

/** Who never goes on, whatever those do who wait for no one: tried until nothing changes. */
function boundOf(holders: readonly HolderInfo[]): ReadonlySet<string> {
  const bound = new Set(holders.map(({ id }) => id));
  for (let changed = true; changed;) {
    changed = false;
    for (const holder of holders) {
      const { all, any } = waitsOf(holder, holders);
      const goes =
        holder.waitsFor.type === 'server' ||
        (all.every((id) => !bound.has(id)) &&
          (any === undefined || any.length === 0 || any.some((id) => !bound.has(id))));
      if (goes && bound.delete(holder.id)) changed = true;
    }
  }
  return bound;
}

/** Every circle of those, as the names in it, found by walking every way. */
function circlesOf(holders: readonly HolderInfo[]): readonly (readonly string[])[] {
  const bound = boundOf(holders);
  const byId = new Map(holders.map((holder) => [holder.id, holder]));
  const found: string[][] = [];
  const walk = (way: readonly string[]): void => {
    const holder = byId.get(way.at(-1) ?? '');
    if (holder === undefined) return;
    const { all, any = [] } = waitsOf(holder, holders);
    for (const next of [...all, ...any]) {
      if (!bound.has(next)) continue;
      if (next === way[0]) found.push([...way]);
      else if (!way.includes(next)) walk([...way, next]);
    }
  };
  for (const id of bound) walk([id]);
  return found;
}

/** Who is in circles with each. */
function knotOf(circles: readonly (readonly string[])[], start: string): ReadonlySet<string> {
  const knot = new Set([start]);
  for (let size = 0; size < knot.size;) {
    size = knot.size;
    for (const circle of circles) if (circle.some((id) => knot.has(id))) for (const id of circle) knot.add(id);
  }
  return knot;
}

describe('findStandstills()', () => {
  it('finds each circle, and calls nothing else one', () => {
    let seen = 0;
    fc.assert(
      fc.property(fc.array(drawn, { minLength: 2, maxLength: 7 }), (all) => {
        const holders = holdersOf(all);
        const circles = circlesOf(holders);
        const told = findStandstills(holders).filter(({ kind }) => kind === 'circle');
        seen += told.length;
        const asTold = told.map(({ members }) => members.map(({ id }) => id));
        const inWords = new Set(circles.map((circle) => circle.join(' ')));
        for (const each of asTold) expect(inWords).toContain(each.join(' '));
        for (const circle of circles) {
          const [first = ''] = circle;
          const knot = knotOf(circles, first);
          expect(asTold.filter((each) => each.every((id) => knot.has(id)))).toHaveLength(1);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(seen).toBeGreaterThan(100);
  });

  it('counts everyone who does not go on once', () => {
    fc.assert(
      fc.property(fc.array(drawn, { minLength: 1, maxLength: most }), (all) => {
        const holders = holdersOf(all);
        const told = findStandstills(holders, { heldAfter: 0 });
        const members = told.flatMap(({ members: each }) => each.map(({ id }) => id));
        expect(members.length + told.reduce((sum, { waiting }) => sum + waiting, 0)).toBeGreaterThanOrEqual(
          boundOf(holders).size,
        );
        for (const { kind, members: those } of told)
          expect(those.length).toBeGreaterThanOrEqual(kind === 'circle' ? 2 : 1);
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds what 100,000 stand still for', () => {
    const count = 100_000;
    const ring = holdersOf(
      Array.from({ length: 3 }, (_, at) => ({
        wait: 'lock',
        owners: [(at + 1) % 3],
        outer: undefined,
        pool: 0,
        holds: true,
      })),
    );
    const [first] = ring;
    if (first === undefined) throw new Error('the ring is empty');
    const behind = Array.from({ length: count }, (_, at): HolderInfo => {
      const waitsFor: HolderWait =
        at % 2 === 0
          ? { type: 'connection', opening: false, refused: undefined, for: 500 }
          : {
              type: 'lock',
              relation: undefined,
              for: 500,
              owners: [{ holderId: at < 3 ? 'h0' : `w${at - 2}`, backend: backendOf(0), idle: true }],
            };
      return { ...first, id: `w${at}`, age: 10, backend: undefined, waitsFor };
    });
    const begun = performance.now();
    const [circle, ...others] = findStandstills([...ring, ...behind]);
    const took = performance.now() - begun;
    expect(others).toEqual([]);
    expect(circle).toMatchObject({ kind: 'circle', waiting: count });
    expect(circle?.members.map(({ id }) => id)).toEqual(['h0', 'h1', 'h2']);
    // A search of every way would take minutes.
    expect(took).toBeLessThan(10_000);
  });

  it('finds 50,000 of which each holds up one, and all together a pool', () => {
    const count = 50_000;
    const [first] = holdersOf([{ wait: 'code', owners: [], outer: undefined, pool: 0, holds: true }]);
    if (first === undefined) throw new Error('there is no holder');
    const heads = Array.from({ length: count }, (_, at) => ({ ...first, id: `h${at}`, backend: backendOf(at) }));
    const held = heads.map(({ id, backend }, at): HolderInfo => {
      const owners = [{ holderId: id, backend: backend ?? backendOf(0), idle: true }];
      const waitsFor = { type: 'lock', relation: undefined, owners, for: 500 } as const;
      return { ...first, id: `w${at}`, backend: backendOf(count + at), waitsFor };
    });
    const waitsFor = { type: 'connection', opening: false, refused: undefined, for: 500 } as const;
    const waiter: HolderInfo = { ...first, id: 'waiter', backend: undefined, waitsFor };
    // Comparing each with all others would take minutes.
    const found = findStandstills([...heads, ...held, waiter]);
    expect(found).toHaveLength(count);
    // Who waits for a head has a connection of the pool, too, and gives it back no sooner.
    expect(new Set(found.map(({ besides }) => besides))).toEqual(new Set([2 * count - 2]));
  });
});
